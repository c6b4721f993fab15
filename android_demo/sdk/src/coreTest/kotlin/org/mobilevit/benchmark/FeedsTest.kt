package org.mobilevit.benchmark

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.mobilevit.InputException
import org.mobilevit.runtime.DType
import org.mobilevit.runtime.TensorSpec

class FeedsTest {
    @get:Rule val folder = TemporaryFolder()

    @Test
    fun `floats are drawn as of a photo, bytes over their whole range`() {
        val inputs =
            listOf(
                TensorSpec("image", listOf(1, 3, 32, 32), DType.FLOAT32),
                TensorSpec("double", listOf(900), DType.FLOAT64),
                TensorSpec("bytes", listOf(900), DType.UINT8),
            )
        val drawn = drawFeeds(inputs, batch = 1, seed = 3)
        val image = drawn.getValue("image").asFloatBuffer()
        val floats = List(image.remaining()) { image.get() }
        assertEquals(3 * 32 * 32, floats.size)
        assertTrue(floats.min() in 0f..5f && floats.max() in 250f..255f)
        assertEquals(900 * 8, drawn.getValue("double").remaining())
        val bytes = drawn.getValue("bytes").let { feed -> List(feed.remaining()) { feed.get(it) } }
        assertTrue(bytes.min() < -120 && bytes.max() > 120)
        assertEquals(drawn, drawFeeds(inputs, batch = 1, seed = 3))
        assertNotEquals(drawn, drawFeeds(inputs, batch = 1, seed = 4))
    }

    @Test
    fun `half floats are the nearest ones`() {
        val expected = mapOf(
            0f to 0x0000,
            1f to 0x3c00,
            0.1f to 0x2e66,
            255f to 0x5bf8,
            2049f / 8 to 0x5c00,
            2051f / 8 to 0x5c02,
        )
        assertEquals(expected, expected.mapValues { half(it.key).toInt() })
    }

    @Test
    fun `a dynamic first side is the batch`() {
        val spec = TensorSpec("x", listOf(-1, 3), DType.FLOAT32)
        assertEquals(
            4 * 3 * 4,
            drawFeeds(listOf(spec), batch = 4, seed = 0).getValue("x").remaining(),
        )
    }

    @Test
    fun `a fixed batch is refused in Python's words`() {
        val spec = TensorSpec("image", listOf(1, 3, 8, 8), DType.FLOAT32)
        val error = refused { drawFeeds(listOf(spec), batch = 4, seed = 0) }
        assertEquals(
            "the batch of input `image`, float32 (1, 3, 8, 8) is fixed, and not 4",
            error.message,
        )
    }

    @Test
    fun `what no photo could be is not drawn`() {
        for (spec in listOf(
            TensorSpec("x", listOf(1, -1), DType.FLOAT32),
            TensorSpec("x", listOf(1, 3), DType.INT64),
        )) {
            val error = refused { drawFeeds(listOf(spec), batch = 1, seed = 0) }
            assertTrue(
                error.message,
                error.message.startsWith("no feed can be drawn for input `x`, "),
            )
        }
    }

    @Test
    fun `a feed is read as it was written`() {
        val spec = TensorSpec("x", listOf(-1, 2), DType.FLOAT32)
        val bytes =
            ByteBuffer
                .allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putFloat(1.5f)
                .putFloat(-2f)
        file("0.bin").writeBytes(bytes.putFloat(3f).putFloat(4f).array())
        val planned = PlannedFeed("x", "float32", listOf(2, 2), "0.bin")
        val feeds = feedsOf(listOf(planned), folder.root, listOf(spec), batch = 2, seed = 0)
        val feed = feeds.getValue("x")
        assertTrue(feed.isDirect)
        assertEquals(listOf(1.5f, -2f, 3f, 4f), List(4) { feed.getFloat(4 * it) })
        val larger = planned.copy(shape = listOf(3, 2))
        assertEquals(
            "`0.bin` does not hold float32 [3, 2]",
            refused { feedsOf(listOf(larger), folder.root, listOf(spec), 1, 0) }.message,
        )
        val missing = planned.copy(file = "1.bin")
        refused { feedsOf(listOf(missing), folder.root, listOf(spec), 1, 0) }
    }

    @Test
    fun `feeds that the model does not take are refused in Python's words`() {
        val spec = TensorSpec("x", listOf(1, 2), DType.FLOAT32)

        fun message(feed: PlannedFeed) = refused {
            feedsOf(listOf(feed), folder.root, listOf(spec), 1, 0)
        }.message
        val feed = PlannedFeed("x", "float32", listOf(1, 2), "0.bin")
        assertEquals(
            "the model takes the inputs `x`; given: `y`",
            message(feed.copy(name = "y")),
        )
        assertEquals(
            "the model takes `x`, float32 (1, 2); given: `x`, float32 (2, 2)",
            message(feed.copy(shape = listOf(2, 2))),
        )
        assertEquals(
            "the model takes `x`, float32 (1, 2); given: `x`, uint8 (1, 2)",
            message(feed.copy(dtype = "uint8")),
        )
    }

    private fun refused(block: () -> Unit) = assertThrows(InputException::class.java) { block() }

    private fun file(name: String) = File(folder.root, name)
}
