package org.mobilevit.desktop

import java.awt.image.BufferedImage
import java.io.ByteArrayOutputStream
import java.io.File
import javax.imageio.ImageIO
import kotlin.random.Random
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.ImageException
import org.mobilevit.bundle.Bundle
import org.mobilevit.bundle.ConformanceRecord
import org.mobilevit.image.RgbImage
import org.mobilevit.image.decodePng16
import org.mobilevit.image.difference
import org.mobilevit.image.resizeAndCrop

class DecodeImageTest {
    private val bundle = Bundle(FolderBundle(File(System.getProperty("mobilevit.bundle"))))
    private val conformance = bundle.manifest.conformance

    private fun ConformanceRecord.bytes() = bundle.read(file, sha256)

    private fun ConformanceRecord.expected() = decodeImage(bundle.read(pixels, pixelsSha256)).rgb

    @Test
    fun `the conformance set comes out within the tolerance of the same kernel`() {
        assertTrue(conformance.size >= 15)
        for (record in conformance) {
            val image = decodeImage(record.bytes())
            val pixels = resizeAndCrop(image, bundle.manifest.preprocessing)
            val difference = difference(record.expected(), pixels)
            println("${record.file}: ${record.tests}: $difference of ${record.sameKernel}")
            assertTrue("${record.file}: $difference", difference.within(record.sameKernel))
        }
    }

    @Test
    fun `each kind of image would show if it were not made upright`() {
        for (record in conformance.filter { "EXIF" in it.tests }) {
            val lying = decodeImage(withoutExif(record.bytes()))
            val pixels = resizeAndCrop(lying, bundle.manifest.preprocessing)
            assertFalse(difference(record.expected(), pixels).within(record.otherKernel))
        }
    }

    @Test
    fun `PNGs of 16 bits are decoded without the platform, to the same pixels`() {
        val (deep, others) = conformance.partition { "16 bits" in it.tests }
        assertEquals(2, deep.size)
        for (record in deep) {
            assertArrayEquals(decodeImage(record.bytes()).rgb, decodePng16(record.bytes())?.rgb)
        }
        for (record in others) assertNull(decodePng16(record.bytes()))
    }

    @Test
    fun `damaged PNGs of 16 bits are refused`() {
        val file = conformance.first { "rgb-16" in it.file }.bytes()
        for (size in listOf(40, file.size / 2, file.size - 40)) {
            assertThrows(ImageException::class.java) { decodePng16(file.copyOf(size)) }
        }
        val random = Random(16)
        val refused = (0 until 1000).count {
            val copy = file.copyOf()
            copy[random.nextInt(copy.size)] = random.nextInt().toByte()
            try {
                decodePng16(copy)
                false
            } catch (_: ImageException) {
                true
            }
        }
        assertTrue("$refused of 1000", refused > 900)
    }

    @Test
    fun `every kind of PNG comes out as stored`() {
        for (type in listOf(
            BufferedImage.TYPE_INT_RGB,
            BufferedImage.TYPE_INT_ARGB,
            BufferedImage.TYPE_3BYTE_BGR,
            BufferedImage.TYPE_4BYTE_ABGR,
        )) {
            val image = BufferedImage(3, 2, type)
            val random = Random(type)
            val colours = List(6) { random.nextInt() or (0x80 shl 24) }
            colours.forEachIndexed { i, argb -> image.setRGB(i % 3, i / 3, argb) }
            val file = ByteArrayOutputStream().also { ImageIO.write(image, "png", it) }
            val expected = colours.flatMap { listOf(it shr 16, it shr 8, it) }.map { it.toByte() }
            assertArrayEquals(expected.toByteArray(), decodeImage(file.toByteArray()).rgb)
        }
    }

    @Test
    fun `what is no image is refused in words`() {
        assertEquals("the image is empty", refusal(ByteArray(0)).message)
        assertEquals(
            "the image is not one that can be read here",
            refusal("no picture at all".toByteArray()).message,
        )
    }

    @Test
    fun `what is cut off is refused, wherever it was cut`() {
        for (record in conformance.filter { it.file.endsWith("large.jpg") || "16" in it.file }) {
            val file = record.bytes()
            for (size in listOf(20, file.size / 10, file.size / 2, file.size - file.size / 10)) {
                val message = refusal(file.copyOf(size)).message
                assertTrue(message, message.startsWith("the image cannot be decoded: "))
            }
        }
    }

    @Test
    fun `a size that no memory holds is refused by the header`() {
        val png = conformance.first { "portrait" in it.file }.bytes()
        val start = System.nanoTime()
        assertEquals(
            "the image is 100000x100000 pixels in ${png.size} bytes, as no photo is",
            refusal(resized(png, 100_000, 100_000)).message,
        )
        val padded = resized(png, 20_000, 10_000).copyOf(1_000_000)
        assertEquals(
            "the image is 20000x10000 pixels, more than 178 million",
            refusal(padded).message,
        )
        assertTrue(System.nanoTime() - start < 2e9)
    }

    @Test
    fun `damaged files are refused as such, or give an image`() {
        val random = Random(3)
        val seeds = conformance.filter {
            "one" in it.file || "tiny" in it.file || "exif" in it.file
        }
            .map { it.bytes() }
        var refused = 0
        repeat(3000) {
            val file = seeds.random(random).copyOf()
            repeat(random.nextInt(1, 5)) {
                file[random.nextInt(minOf(file.size, 1000))] = random.nextInt().toByte()
            }
            if (decodedOrNull(file) == null) refused++
        }
        assertTrue("$refused of 3000", refused in 100..2900)
    }

    private fun decodedOrNull(file: ByteArray): RgbImage? = try {
        decodeImage(file)
    } catch (_: ImageException) {
        null
    }

    private fun refusal(file: ByteArray): ImageException =
        assertThrows(ImageException::class.java) { decodeImage(file) }

    /** The header's size is changed, its checksum made to fit; the pixels are too few then. */
    private fun resized(png: ByteArray, width: Int, height: Int): ByteArray {
        val file = java.nio.ByteBuffer.wrap(png.copyOf())
        file.putInt(16, width).putInt(20, height)
        val checksum = java.util.zip.CRC32().apply { update(file.array(), 12, 17) }
        return file.putInt(29, checksum.value.toInt()).array()
    }

    private fun withoutExif(jpeg: ByteArray): ByteArray {
        val at = String(jpeg, Charsets.ISO_8859_1).indexOf("Exif")
        return jpeg.copyOf().also { it[at] = 'x'.code.toByte() }
    }
}
