package org.mobilevit.android

import android.graphics.Bitmap
import android.graphics.ColorSpace
import java.nio.ByteBuffer
import org.mobilevit.ImageException
import org.mobilevit.image.RgbImage

/**
 * The pixels of a bitmap of any configuration, alpha dropped. Colours come out as they are stored,
 * but for those of a bitmap that is premultiplied (divided by alpha again, which loses some of
 * them), and for those of more than 8 bits that are not sRGB (converted).
 *
 * @throws ImageException it is in the GPU's memory, and does not come back from there.
 */
fun Bitmap.toRgbImage(): RgbImage {
    if (config == Bitmap.Config.HARDWARE) {
        val copy = copy(Bitmap.Config.ARGB_8888, false)
            ?: throw ImageException("a bitmap of ${width}x$height pixels does not leave the GPU")
        return copy.toRgbImage().also { copy.recycle() }
    }
    val stored = config == Bitmap.Config.ARGB_8888 && (!hasAlpha() || !isPremultiplied)
    return if (stored && !isSrgb()) copyStored() else copyConverted()
}

private fun Bitmap.isSrgb(): Boolean =
    colorSpace.let { it == null || it == ColorSpace.get(ColorSpace.Named.SRGB) }

/** To sRGB, if it is in another colour space; row by row. */
private fun Bitmap.copyConverted(): RgbImage {
    val rgb = ByteArray(3 * width * height)
    val row = IntArray(width)
    var to = 0
    for (y in 0 until height) {
        getPixels(row, 0, width, 0, y, width, 1)
        for (argb in row) {
            rgb[to] = (argb shr 16).toByte()
            rgb[to + 1] = (argb shr 8).toByte()
            rgb[to + 2] = argb.toByte()
            to += 3
        }
    }
    return RgbImage(width, height, rgb)
}

/** The bytes of RGBA, which profiles do not touch; needs as much memory again. */
private fun Bitmap.copyStored(): RgbImage {
    val rgba = ByteArray(byteCount)
    copyPixelsToBuffer(ByteBuffer.wrap(rgba))
    val rgb = ByteArray(3 * width * height)
    var to = 0
    for (y in 0 until height) {
        var from = y * rowBytes
        for (x in 0 until width) {
            rgb[to] = rgba[from]
            rgb[to + 1] = rgba[from + 1]
            rgb[to + 2] = rgba[from + 2]
            to += 3
            from += 4
        }
    }
    return RgbImage(width, height, rgb)
}
