package org.mobilevit.classify

import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.mobilevit.ImageException
import org.mobilevit.bundle.Bundle
import org.mobilevit.desktop.decodeImage
import org.mobilevit.image.RgbImage

class SelfTestTest {
    @get:Rule
    val folder = TemporaryFolder()

    @Test
    fun `every artifact computes here what the training computed`() {
        val bundle = testBundle()
        for (artifact in listOf("fp32.onnx", "fp16.onnx", "fp32.tflite", "fp16.tflite")) {
            val result = run(bundle, "mobilevit_xxs_$artifact")
            assertTrue("$artifact: ${result.faults}", result.passed)
            assertEquals(emptyList<String>(), result.faults)
            assertEquals(bundle.manifest.golden.size, result.golden.size)
            assertEquals(bundle.manifest.conformance.size, result.conformance)
        }
    }

    @Test
    fun `weights that were flipped are noticed`() {
        for (artifact in listOf("mobilevit_xxs_fp32.onnx", "mobilevit_xxs_fp32.tflite")) {
            val bundle = tamperedBundle(folder.newFolder(), artifact, ::flipWeights)
            val result = run(bundle, artifact)
            assertFalse(result.passed)
            assertTrue("${result.faults}", result.faults.any { "a probability differs by" in it })
            assertEquals(emptyList<String>(), result.wrongPixels)
        }
    }

    @Test
    fun `swapped channels are noticed, in pixels and in probabilities`() {
        val result = run(testBundle(), "mobilevit_xxs_fp32.onnx") { swapped(decodeImage(it)) }
        assertFalse(result.passed)
        assertTrue(result.maxDifference > result.allowed)
        assertTrue("${result.faults}", result.faults.any { " is taken for " in it })
        // what it is held to is swapped as well, so pixels agree: preprocessing is the same
        assertEquals(emptyList<String>(), result.wrongPixels)
    }

    @Test
    fun `an image that is not turned upright is noticed`() {
        val result = run(testBundle(), "mobilevit_xxs_fp32.onnx") { decodeImage(withoutExif(it)) }
        assertFalse(result.passed)
        assertEquals(4, result.wrongPixels.size)
        assertTrue(
            "${result.wrongPixels}",
            result.wrongPixels.all {
                it.startsWith("EXIF orientation")
            },
        )
        assertEquals(result.wrongPixels, result.faults)
    }

    @Test
    fun `an image that cannot be decoded is named`() {
        val result = run(testBundle(), "mobilevit_xxs_fp32.onnx") {
            if (isJpeg(it)) throw ImageException("no JPEG here")
            decodeImage(it)
        }
        assertEquals(5, result.wrongPixels.size)
        assertTrue(result.wrongPixels.all { it.endsWith(": no JPEG here") })
    }

    @Test
    fun `what is not a number does not pass`() {
        val outcome = GoldenOutcome("golden/0.png", "tench", true, Double.NaN)
        val result = SelfTestResult(listOf(outcome), 1e-4, emptyList(), 15)
        assertFalse(result.passed)
        assertEquals(1, result.faults.size)
    }

    private fun run(
        bundle: Bundle,
        artifact: String,
        decode: (ByteArray) -> RgbImage = ::decodeImage,
    ): SelfTestResult = bundle.open(artifact).use { selfTest(it, decode) }
}

private fun swapped(image: RgbImage) = RgbImage(
    image.width,
    image.height,
    ByteArray(image.rgb.size) {
        image.rgb[it + 2 - 2 * (it % 3)]
    },
)

private fun isJpeg(file: ByteArray) = file[0] == 0xff.toByte() && file[1] == 0xd8.toByte()

/** With another name for the segment that has the orientation. */
private fun withoutExif(file: ByteArray): ByteArray {
    val at = String(file, Charsets.ISO_8859_1).indexOf("Exif\u0000\u0000")
    return if (at < 0) file else file.copyOf().also { it[at] = 'X'.code.toByte() }
}
