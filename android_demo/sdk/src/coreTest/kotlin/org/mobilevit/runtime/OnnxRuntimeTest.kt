package org.mobilevit.runtime

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.junit.Assert.assertEquals
import org.junit.Assert.assertSame
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.InputException
import org.mobilevit.RefusedException

class OnnxRuntimeTest {
    private val runtime = OnnxRuntime()

    @Test
    fun `it names itself, its version and its delegates`() {
        assertEquals("onnxruntime", runtime.name)
        assertTrue(runtime.version, Regex("""\d+\.\d+\.\d+""").matches(runtime.version))
        assertEquals("cpu", runtime.delegates.first())
        runtime.load(identityModel(FLOAT, listOf(2)), 1, "cpu").use {
            assertEquals("CPUExecutionProvider", it.delegate)
        }
    }

    @Test
    fun `every type of element goes in and comes out as it is`() {
        for ((type, dtype) in TYPES) {
            runtime.load(identityModel(type, listOf(1, 5)), 1, "cpu").use { session ->
                assertEquals(listOf(TensorSpec("x", listOf(1, 5), dtype)), session.inputs)
                assertEquals(listOf(TensorSpec("y", listOf(1, 5), dtype)), session.outputs)
                val feed = bytes(5 * dtype.bytes)
                assertEquals(feed, session.run(mapOf("x" to feed)).getValue("y"))
            }
        }
    }

    @Test
    fun `buffers are used again, and what they hold is read again`() =
        runtime.load(identityModel(UINT8, listOf(4)), 1, "cpu").use { session ->
            val feed = bytes(4)
            val first = session.run(mapOf("x" to feed)).getValue("y")
            feed.put(2, 77)
            val second = session.run(mapOf("x" to feed)).getValue("y")
            assertSame(first, second)
            assertEquals(77.toByte(), second[2])
            assertEquals(ByteOrder.nativeOrder(), second.order())
        }

    @Test
    fun `a feed counts from its position, which stays`() =
        runtime.load(identityModel(UINT8, listOf(4)), 1, "cpu").use { session ->
            val feed = bytes(10)
            for (position in listOf(3, 5, 0)) {
                feed.limit(position + 4).position(position)
                assertEquals(feed.slice(), session.run(mapOf("x" to feed)).getValue("y"))
                assertEquals(position, feed.position())
            }
        }

    @Test
    fun `a dynamic batch is as large as what is fed`() =
        runtime.load(identityModel(FLOAT, listOf("batch", 3)), 1, "cpu").use { session ->
            assertEquals(listOf(-1, 3), session.inputs.single().shape)
            for (batch in listOf(2, 5, 1, 5)) {
                val feed = bytes(batch * 3 * 4)
                assertEquals(feed, session.run(mapOf("x" to feed)).getValue("y"))
            }
            refused { session.run(mapOf("x" to bytes(13))) }
            refused { session.run(mapOf("x" to bytes(0))) }
            Unit
        }

    @Test
    fun `a feed that is missing, or of another size, is refused`() =
        runtime.load(identityModel(FLOAT, listOf(3)), 1, "cpu").use { session ->
            refused { session.run(emptyMap()) }
            refused { session.run(mapOf("x" to bytes(11))) }
            refused { session.run(mapOf("x" to bytes(24))) }
            assertEquals(bytes(12), session.run(mapOf("x" to bytes(12))).getValue("y"))
        }

    @Test
    fun `what is no model, or is of types that are not known, is refused in one line`() {
        for (model in listOf(
            bytes(0),
            bytes(5000),
            identityModel(STRING, listOf(1)),
            identityModel(FLOAT, listOf(1, "width")),
            identityModel(99, listOf(1)),
        )) {
            assertEquals(1, refused { runtime.load(model, 1, "cpu") }.message.lines().size)
        }
    }

    @Test
    fun `a delegate or a number of threads that cannot be is refused`() {
        val model = identityModel(FLOAT, listOf(1))
        assertEquals(
            "ONNX Runtime has no delegate `gpu` here",
            refused {
                runtime.load(model, 1, "gpu")
            }.message,
        )
        assertThrows(InputException::class.java) { runtime.load(model, 0, "cpu") }
    }

    @Test
    fun `closing twice does nothing, and nothing runs afterwards`() {
        val session = runtime.load(identityModel(FLOAT, listOf(1)), 1, "cpu")
        session.run(mapOf("x" to bytes(4)))
        session.close()
        session.close()
        assertThrows(IllegalStateException::class.java) { session.run(mapOf("x" to bytes(4))) }
    }

    private fun refused(work: () -> Any): RefusedException =
        assertThrows(RefusedException::class.java) { work() }
}

private const val FLOAT = 1
private const val UINT8 = 2
private const val STRING = 8

private val TYPES = mapOf(
    FLOAT to DType.FLOAT32,
    UINT8 to DType.UINT8,
    3 to DType.INT8,
    6 to DType.INT32,
    7 to DType.INT64,
    10 to DType.FLOAT16,
    11 to DType.FLOAT64,
)

private fun bytes(count: Int): ByteBuffer =
    ByteBuffer.allocateDirect(count).order(ByteOrder.nativeOrder()).apply {
        for (i in 0 until count) put(i, (i % 50).toByte())
    }
