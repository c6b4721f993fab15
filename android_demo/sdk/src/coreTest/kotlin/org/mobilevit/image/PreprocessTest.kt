package org.mobilevit.image

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.ImageException
import org.mobilevit.bundle.Interpolation

class PreprocessTest {
    private val corpus = resizeCorpus()

    @Test
    fun `resizes and crops to the bytes that Pillow gives`() {
        var cases = 0
        for (sample in corpus) {
            val expected = sample.expected as? Expected.Resized ?: continue
            val pixels = resizeAndCrop(sample.image, expected.record)
            assertArrayEquals("$sample", expected.pixels, pixels)
            cases++
        }
        assertTrue("$cases cases", cases >= 300)
    }

    @Test
    fun `another kernel does not pass for the right one`() {
        val sample = corpus.first { it.expected is Expected.Resized && it.image.width > 100 }
        val expected = sample.expected as Expected.Resized
        val other = Interpolation.entries.first { it != expected.record.interpolation }
        val pixels = resizeAndCrop(sample.image, expected.record.copy(interpolation = other))
        assertFalse(pixels.contentEquals(expected.pixels))
    }

    @Test
    fun `one resizer takes images of changing sizes`() {
        val samples = corpus.filter { it.expected is Expected.Resized }.take(20)
        val record = (samples.first().expected as Expected.Resized).record
        val resizer = CropResizer(record)
        for (sample in samples + samples) {
            val image = sample.image
            val pixels = ByteArray(resizer.byteCount)
            repeat(2) { resizer.resizeAndCrop(image.rgb, image.width, image.height, pixels) }
            assertArrayEquals("$sample", resizeAndCrop(image, record), pixels)
        }
    }

    @Test
    fun `what is too narrow is refused in the words of Python`() {
        val refusals = corpus.filter { it.expected is Expected.Refused }
        assertEquals(3, refusals.size)
        for (sample in refusals) {
            val expected = sample.expected as Expected.Refused
            val refusal = assertThrows(ImageException::class.java) {
                resizeAndCrop(sample.image, expected.record)
            }
            assertEquals(expected.message, refusal.message)
        }
    }

    @Test
    fun `images are turned as Pillow turns them`() {
        val seen = corpus.mapNotNull { sample ->
            (sample.expected as? Expected.Turned)?.also { expected ->
                val image = upright(sample.image, expected.orientation)
                assertEquals("$sample", expected.upright.width, image.width)
                assertEquals("$sample", expected.upright.height, image.height)
                assertArrayEquals("$sample", expected.upright.rgb, image.rgb)
            }?.orientation
        }
        assertEquals((0..9).toSet(), seen.toSet())
    }
}
