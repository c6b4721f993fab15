package org.mobilevit.android

import android.graphics.ImageFormat
import android.graphics.Rect
import android.media.Image
import java.nio.ByteBuffer
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test
import org.junit.runner.RunWith
import org.mobilevit.ImageException
import org.mobilevit.image.YuvConverter
import org.robolectric.RobolectricTestRunner

@RunWith(RobolectricTestRunner::class)
class CameraFrameTest {
    // red on the left, blue on the right; U and V take turns, the last row ends with its last pixel
    private val luma = bytes(76, 76, 29, 29, 0, 0, 76, 76, 29, 29)
    private val chroma = bytes(85, 255, 255, 107)
    private val red = listOf(254, 0, 0)
    private val blue = listOf(0, 0, 254)

    @Test
    fun `a camera's image becomes upright pixels`() {
        val frame = Frame(ImageFormat.YUV_420_888, 4, 2, planes()).toYuvFrame()
        val rgb = ByteArray(4 * 2 * 3)
        YuvConverter().convert(frame, 90, rgb)
        assertEquals(
            red + red + red + red + blue + blue + blue + blue,
            rgb.map {
                it.toInt() and 255
            },
        )
    }

    @Test
    fun `of it the crop rectangle counts`() {
        val image = Frame(ImageFormat.YUV_420_888, 4, 2, planes())
        image.cropRect = Rect(1, 0, 3, 2)
        val rgb = ByteArray(2 * 2 * 3)
        YuvConverter().convert(image.toYuvFrame(), 0, rgb)
        assertEquals(red + blue + red + blue, rgb.map { it.toInt() and 255 })
    }

    @Test
    fun `reading it leaves its planes as they are`() {
        val planes = planes()
        val frame = Frame(ImageFormat.YUV_420_888, 4, 2, planes).toYuvFrame()
        val (first, second) = List(2) {
            ByteArray(4 * 2 * 3).also { rgb -> YuvConverter().convert(frame, 0, rgb) }
        }
        assertArrayEquals(first, second)
        for (plane in planes) assertEquals(0, plane.buffer.position())
    }

    @Test
    fun `another format is refused in words`() {
        val refusal = assertThrows(ImageException::class.java) {
            Frame(ImageFormat.JPEG, 4, 2, planes()).toYuvFrame()
        }
        assertEquals("a frame of image format 256 is not YUV_420_888", refusal.message)
    }

    private fun planes() = listOf(
        Plane(luma, 6, 1),
        Plane(chroma.copyOfRange(0, 3), 4, 2),
        Plane(chroma.copyOfRange(1, 4), 4, 2),
    )
}

private fun bytes(vararg values: Int) = ByteArray(values.size) { values[it].toByte() }

private class Plane(bytes: ByteArray, private val row: Int, private val pixel: Int) :
    Image.Plane() {
    private val content = ByteBuffer.allocateDirect(bytes.size).put(bytes).also { it.rewind() }

    override fun getRowStride() = row

    override fun getPixelStride() = pixel

    override fun getBuffer(): ByteBuffer = content
}

/** What a camera hands out, with planes of our own. */
private class Frame(
    private val kind: Int,
    private val columns: Int,
    private val rows: Int,
    private val parts: List<Plane>,
) : Image() {
    init {
        mIsImageValid = true
    }

    override fun getFormat() = kind

    override fun getWidth() = columns

    override fun getHeight() = rows

    override fun getTimestamp() = 0L

    override fun getTransform() = 0

    override fun getScalingMode() = 0

    override fun getPlanes(): Array<Image.Plane> = parts.toTypedArray()

    override fun close() = Unit
}
