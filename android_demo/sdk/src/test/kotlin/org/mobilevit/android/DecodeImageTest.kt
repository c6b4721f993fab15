package org.mobilevit.android

import android.graphics.Bitmap
import android.net.Uri
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.util.zip.CRC32
import kotlin.math.abs
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.mobilevit.ImageException
import org.mobilevit.bundle.Bundle
import org.mobilevit.bundle.BundleFiles
import org.mobilevit.bundle.ConformanceRecord
import org.mobilevit.bundle.PixelTolerance
import org.mobilevit.image.RgbImage
import org.mobilevit.image.decodePng16
import org.mobilevit.image.orientation
import org.mobilevit.image.resizeAndCrop
import org.mobilevit.image.upright
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.GraphicsMode

@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class DecodeImageTest {
    private val bundle = Bundle(FilesOf(File(System.getProperty("mobilevit.bundle"))))
    private val record = bundle.manifest.preprocessing

    private fun ConformanceRecord.bytes() = bundle.read(file, sha256)

    @Test
    fun `the conformance set comes out within its tolerance by ImageDecoder`() =
        assertConformance { decodeImage(it, record) }

    @Test
    fun `and by BitmapFactory, which Android 8 has alone`() = assertConformance { file ->
        decodePng16(file) ?: upright(decodeAsStored(file, 1), orientation(file))
    }

    @Test
    fun `a PNG of 16 bits would not come out by Android's decoders alone`() {
        val image = conformance("rgb-16")
        val pixels = resizeAndCrop(decodeUpright(image.bytes(), 1), record)
        assertFalse(difference(expected(image), pixels).within(image.sameKernel))
    }

    @Test
    fun `images that lie show`() {
        for (image in bundle.manifest.conformance.filter { "EXIF" in it.tests }) {
            val lying = decodeAsStored(image.bytes(), 1)
            val difference = difference(expected(image), resizeAndCrop(lying, record))
            assertFalse(difference.within(image.otherKernel))
        }
    }

    @Test
    fun `both decoders give the same pixels, turned or not`() {
        for (image in bundle.manifest.conformance) {
            val file = image.bytes()
            val stored = upright(decodeAsStored(file, 1), orientation(file))
            val whole = decodeUpright(file, 1)
            assertEquals(image.file, stored.width to stored.height, whole.width to whole.height)
            assertEquals(image.file, 0, difference(stored.rgb, whole.rgb).max)
        }
    }

    @Test
    fun `a PNG is turned by its EXIF`() {
        val png = conformance("landscape").bytes()
        val lying = decodeImage(png, record)
        for (value in 1..8) {
            val image = decodeImage(withExif(png, value), record)
            val expected = upright(lying, value)
            assertEquals(expected.width to expected.height, image.width to image.height)
            assertTrue(expected.rgb.contentEquals(image.rgb))
        }
    }

    @Test
    fun `what does not fit into the memory is decoded smaller, not below twice the crop`() {
        val crop = record.copy(height = 256, width = 256)
        assertEquals(1, sampling(4000, 4000, crop, 0))
        assertEquals(2, sampling(4001, 4000, crop, 0))
        assertEquals(4, sampling(12_000, 12_000, crop, 512 shl 20))
        assertEquals(2, sampling(8000, 6000, crop, 512 shl 20))
        assertEquals(1, sampling(100_000, 1000, crop, 0))
        assertEquals(1, sampling(8000, 6000, crop, 2L shl 30))
    }

    @Test
    fun `a photo decoded smaller keeps its colours`() {
        val file = conformance("large").bytes()
        val whole = resizeAndCrop(decodeUpright(file, 1), record)
        for (half in listOf(decodeUpright(file, 2), decodeAsStored(file, 2))) {
            assertEquals(decodeUpright(file, 1).width / 2.0, half.width.toDouble(), 1.0)
            assertTrue(difference(whole, resizeAndCrop(half, record)).mean < 4)
        }
    }

    @Test
    fun `what is no image is refused in words`() {
        assertEquals("the image is empty", refusal(ByteArray(0)).message)
        assertEquals(
            "this is not an image that can be read here",
            refusal("no picture at all".toByteArray()).message,
        )
        val jpeg = conformance("large").bytes()
        val cut = refusal(jpeg.copyOf(jpeg.size / 2)).message
        assertTrue(cut, cut.startsWith("the image cannot be decoded"))
    }

    @Test
    fun `an absurd size is refused by the header`() {
        val png = conformance("portrait").bytes()
        assertEquals(
            "the image is 30000x30000 pixels in ${png.size} bytes, as no photo is",
            refusal(resized(png, 30_000, 30_000)).message,
        )
        assertEquals(
            "the image is 20000x10000 pixels, more than 178 million",
            refusal(resized(png, 20_000, 10_000).copyOf(1_000_000)).message,
        )
    }

    @Test
    fun `an image of another app is read, or the reason given`() {
        val resolver = RuntimeEnvironment.getApplication().contentResolver
        val uri = Uri.parse("content://photos/1")
        val jpeg = conformance("exif-6").bytes()
        shadowOf(resolver).registerInputStream(uri, ByteArrayInputStream(jpeg))
        assertTrue(
            decodeImage(resolver, uri, record).rgb.contentEquals(decodeImage(jpeg, record).rgb),
        )

        val gone = Uri.parse("content://photos/2")
        shadowOf(resolver).registerInputStream(gone, Failing(IOException("the card is out")))
        val lost = assertThrows(ImageException::class.java) { decodeImage(resolver, gone, record) }
        assertEquals("the image cannot be read: the card is out", lost.message)

        for (thrown in listOf(SecurityException("no grant"), IllegalStateException("no row"))) {
            val refused = Uri.parse("content://photos/3")
            shadowOf(resolver).registerInputStream(refused, Failing(thrown))
            assertThrows(ImageException::class.java) { decodeImage(resolver, refused, record) }
        }

        val endless = Uri.parse("content://photos/4")
        shadowOf(resolver).registerInputStream(endless, Endless)
        val more =
            assertThrows(ImageException::class.java) { decodeImage(resolver, endless, record) }
        assertEquals("the file has more than 256 MB, as no photo has", more.message)
    }

    @Test
    fun `a bitmap gives its colours as stored, of whatever configuration`() {
        val colours = intArrayOf(-0x1000000, -0x1, -0x10000, -0xff0100, -0xffff01, -0xedcba9)
        for (config in Bitmap.Config.values().filter { it != Bitmap.Config.ALPHA_8 }) {
            val source = Bitmap.createBitmap(colours, 3, 2, Bitmap.Config.ARGB_8888)
            val bitmap = source.copy(config, false) ?: continue // HARDWARE, without a GPU
            val rgb = bitmap.toRgbImage().rgb
            val allowed = mapOf("RGB_565" to 8, "ARGB_4444" to 16)[config.name] ?: 0
            colours.forEachIndexed { i, argb ->
                for ((c, shift) in listOf(16, 8, 0).withIndex()) {
                    val difference = (rgb[3 * i + c].toInt() and 255) - (argb shr shift and 255)
                    assertTrue("$config: $difference", abs(difference) <= allowed)
                }
            }
        }
    }

    private fun assertConformance(decode: (ByteArray) -> RgbImage) {
        assertTrue(bundle.manifest.conformance.size >= 15)
        for (image in bundle.manifest.conformance) {
            val pixels = resizeAndCrop(decode(image.bytes()), record)
            val difference = difference(expected(image), pixels)
            println("${image.file}: $difference of ${image.sameKernel}")
            assertTrue("${image.file}: $difference", difference.within(image.sameKernel))
        }
    }

    private fun expected(image: ConformanceRecord): ByteArray =
        decodeAsStored(bundle.read(image.pixels, image.pixelsSha256), 1).rgb

    private fun conformance(name: String): ConformanceRecord =
        bundle.manifest.conformance.first { name in it.file }

    private fun refusal(file: ByteArray): ImageException =
        assertThrows(ImageException::class.java) { decodeImage(file, record) }
}

private data class Difference(val max: Int, val mean: Double) {
    fun within(tolerance: PixelTolerance): Boolean =
        max <= tolerance.maxDifference && mean <= tolerance.meanDifference
}

private fun difference(expected: ByteArray, actual: ByteArray): Difference {
    assertEquals(expected.size, actual.size)
    val levels = expected.indices.map { i ->
        abs((expected[i].toInt() and 255) - (actual[i].toInt() and 255))
    }
    return Difference(levels.max(), levels.average())
}

/** The size in the header, its checksum made to fit; there are not that many pixels. */
private fun resized(png: ByteArray, width: Int, height: Int): ByteArray {
    val file = ByteBuffer.wrap(png.copyOf())
    file.putInt(16, width).putInt(20, height)
    return file.putInt(29, CRC32().apply { update(file.array(), 12, 17) }.value.toInt()).array()
}

/** With a chunk of EXIF after the header. */
private fun withExif(png: ByteArray, orientation: Int): ByteArray {
    val exif = ByteBuffer.allocate(26)
    exif.put("MM".toByteArray()).putShort(42).putInt(8)
    exif.putShort(1).putShort(0x0112).putShort(3).putInt(1).putShort(orientation.toShort())
    val named = "eXIf".toByteArray() + exif.array()
    val checksum = CRC32().apply { update(named) }.value.toInt()
    val chunk = ByteBuffer.allocate(named.size + 8).putInt(26).put(named).putInt(checksum).array()
    return png.copyOfRange(0, 33) + chunk + png.copyOfRange(33, png.size)
}

private class FilesOf(private val folder: File) : BundleFiles {
    override val name: String get() = folder.path

    override fun open(path: String): InputStream = File(folder, path).inputStream()
}

private class Failing(private val error: Exception) : InputStream() {
    override fun read(): Int = throw error
}

private object Endless : InputStream() {
    override fun read(): Int = 0

    override fun read(bytes: ByteArray, offset: Int, length: Int): Int = length
}
