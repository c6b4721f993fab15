package org.mobilevit.android

import org.junit.Assert.assertEquals
import org.junit.Assert.assertSame
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.RefusedException

/** As far as a JVM goes, which LiteRT has no native library for. */
class LiteRtTest {
    @Test
    fun `without its native library LiteRT is refused in one line`() {
        val error = assertThrows(RefusedException::class.java) { LiteRt() }
        assertTrue(error.message, error.message.startsWith("LiteRT cannot be loaded: "))
        assertEquals(1, error.message.lines().size)
        assertEquals("put LiteRT among the dependencies of the app", error.hint)
    }

    @Test
    fun `whatever LiteRT throws becomes a refusal with its first line`() {
        for (thrown in listOf(
            IllegalArgumentException(
                "\n  Internal error: Failed to apply delegate: no GPU.\nNode 3",
            ),
            IllegalStateException("Internal error: Failed to apply delegate: no GPU"),
            UnsupportedOperationException("Internal error: Failed to apply delegate: no GPU."),
            UnsatisfiedLinkError("Internal error: Failed to apply delegate: no GPU"),
        )) {
            val error = assertThrows(RefusedException::class.java) {
                refusing("LiteRT does not open the artifact with `gpu`") { throw thrown }
            }
            assertEquals(
                "LiteRT does not open the artifact with `gpu`: Internal error: Failed to apply " +
                    "delegate: no GPU",
                error.message,
            )
            assertSame(thrown, error.cause)
        }
    }

    @Test
    fun `an error without words is named`() {
        val error = assertThrows(RefusedException::class.java) {
            refusing("LiteRT does not run the artifact") { throw IllegalStateException() }
        }
        assertEquals("LiteRT does not run the artifact: IllegalStateException", error.message)
    }

    @Test
    fun `a fault of this library is not taken for LiteRT's`() {
        assertThrows(IndexOutOfBoundsException::class.java) {
            refusing("LiteRT does not run the artifact") { throw IndexOutOfBoundsException() }
        }
    }
}
