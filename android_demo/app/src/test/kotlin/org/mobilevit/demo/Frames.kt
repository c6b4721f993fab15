package org.mobilevit.demo

import android.graphics.Bitmap
import android.graphics.ImageFormat
import android.graphics.Rect
import android.media.Image
import java.nio.ByteBuffer
import kotlin.math.roundToInt

/** A picture as a camera's sensor delivers it: YUV 4:2:0, JPEG's full range, U and V in turns. */
class CameraFrame(picture: Bitmap) : Image() {
    private val width = picture.width / 2 * 2
    private val height = picture.height / 2 * 2
    private val luma = ByteBuffer.allocateDirect(width * height)
    private val chroma = ByteBuffer.allocateDirect(width * height / 2)
    var closed = false
        private set

    init {
        for (y in 0 until height) {
            for (x in 0 until width) luma.put(y * width + x, level(luma(picture.getPixel(x, y))))
        }
        for (y in 0 until height step 2) {
            for (x in 0 until width step 2) {
                val pixel = picture.getPixel(x, y)
                val at = y / 2 * width + x
                chroma.put(at, level(128 + (blue(pixel) - luma(pixel)) / 1.772))
                chroma.put(at + 1, level(128 + (red(pixel) - luma(pixel)) / 1.402))
            }
        }
    }

    override fun getFormat(): Int = ImageFormat.YUV_420_888

    override fun getWidth(): Int = width

    override fun getHeight(): Int = height

    override fun getTimestamp(): Long = 0

    override fun getTransform(): Int = 0

    override fun getScalingMode(): Int = 0

    override fun getCropRect(): Rect = Rect(0, 0, width, height)

    override fun getPlanes(): Array<Plane> {
        check(!closed) { "the frame was closed" }
        val second = chroma.duplicate().apply { position(1) }.slice()
        return arrayOf(
            FramePlane(luma, width, 1),
            FramePlane(chroma, width, 2),
            FramePlane(second, width, 2),
        )
    }

    override fun close() {
        closed = true
    }

    private class FramePlane(
        private val bytes: ByteBuffer,
        private val rows: Int,
        private val pixels: Int,
    ) : Plane() {
        override fun getRowStride(): Int = rows

        override fun getPixelStride(): Int = pixels

        override fun getBuffer(): ByteBuffer = bytes
    }
}

private fun red(pixel: Int) = pixel shr 16 and 0xff

private fun green(pixel: Int) = pixel shr 8 and 0xff

private fun blue(pixel: Int) = pixel and 0xff

private fun luma(pixel: Int): Double =
    0.299 * red(pixel) + 0.587 * green(pixel) + 0.114 * blue(pixel)

private fun level(value: Double): Byte = value.roundToInt().coerceIn(0, 255).toByte()
