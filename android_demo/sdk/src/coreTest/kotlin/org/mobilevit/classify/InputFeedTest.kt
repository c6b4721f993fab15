package org.mobilevit.classify

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test
import org.mobilevit.BundleException
import org.mobilevit.bundle.ArtifactRecord
import org.mobilevit.bundle.Interpolation
import org.mobilevit.bundle.Preprocessing
import org.mobilevit.bundle.TensorRecord

/** Two pixels, one beside the other. */
class InputFeedTest {
    private val crop = Preprocessing(1, 2, 1.0, Interpolation.BILINEAR)
    private val pixels = byteArrayOf(1, 2, 3, -1, -2, -3)

    @Test
    fun `bytes of pixels one after the other`() =
        assertEquals(listOf(1f, 2f, 3f, 255f, 254f, 253f), feed("uint8", listOf(1, 1, 2, 3)))

    @Test
    fun `bytes of planes`() =
        assertEquals(listOf(1f, 255f, 2f, 254f, 3f, 253f), feed("uint8", listOf(1, 3, 1, 2)))

    @Test
    fun `floats of pixels one after the other, of any number of images`() =
        assertEquals(listOf(1f, 2f, 3f, 255f, 254f, 253f), feed("float32", listOf(-1, 1, 2, 3)))

    @Test
    fun `floats of planes`() =
        assertEquals(listOf(1f, 255f, 2f, 254f, 3f, 253f), feed("float32", listOf(1, 3, 1, 2)))

    @Test
    fun `an input of another type, size or number is refused`() {
        for ((dtype, shape) in listOf(
            "int8" to listOf(1, 1, 2, 3),
            "float32" to listOf(1, 2, 2, 3),
            "float32" to listOf(2, 1, 2, 3),
            "float32" to listOf(1, 1, 2),
            "complex64" to listOf(1, 1, 2, 3),
        )) {
            val error = assertThrows(BundleException::class.java) { feed(dtype, shape) }
            val said = "`model.onnx` takes $dtype $shape, which this version of " +
                "the library does not feed"
            assertEquals(said, error.message)
        }
    }

    private fun feed(dtype: String, shape: List<Int>): List<Float> {
        val feed = InputFeed(artifact(dtype, shape), crop)
        repeat(2) { feed.fill(pixels) }
        assertEquals(0, feed.buffer.position())
        return if (dtype == "uint8") {
            List(feed.buffer.remaining()) { (feed.buffer[it].toInt() and 0xff).toFloat() }
        } else {
            List(feed.buffer.remaining() / 4) { feed.buffer.getFloat(4 * it) }
        }
    }

    private fun artifact(dtype: String, shape: List<Int>): ArtifactRecord {
        val input = TensorRecord("image", "tensor", shape, dtype, "NHWC")
        val output = TensorRecord("probabilities", "tensor", listOf(1, 10), "float32", "NC")
        return ArtifactRecord("model.onnx", "onnx", "fp32", "", 0, input, output, 1e-4)
    }
}
