package org.mobilevit.demo

import android.content.ContentResolver
import android.graphics.Bitmap
import android.net.Uri
import org.mobilevit.ImageException
import org.mobilevit.android.decodeImage
import org.mobilevit.bundle.Preprocessing
import org.mobilevit.image.RgbImage

/** A photo for the model, and as large as a screen is for the eye. */
internal class Photo(val image: RgbImage, val shown: Bitmap)

// pixels of the longer side; more than phones show
private const val SHOWN_SIDE = 1600

/**
 * Reads what another app offers.
 *
 * @throws ImageException it is gone, no image, damaged, or too large.
 */
internal fun readPhoto(resolver: ContentResolver, uri: Uri, record: Preprocessing): Photo {
    // other addresses than a provider's reach into the app's own files
    if (uri.scheme != ContentResolver.SCHEME_CONTENT) {
        throw ImageException("the photo is not offered by another app", "choose it with the picker")
    }
    val image = decodeImage(resolver, uri, record)
    return Photo(image, smaller(image))
}

/** Each pixel is the mean of a square of the image's. */
private fun smaller(image: RgbImage): Bitmap {
    val step = (maxOf(image.width, image.height) + SHOWN_SIDE - 1) / SHOWN_SIDE
    val width = maxOf(1, image.width / step)
    val height = maxOf(1, image.height / step)
    val colours = IntArray(width * height)
    for (y in 0 until height) {
        for (x in 0 until width) colours[y * width + x] = mean(image, x * step, y * step, step)
    }
    return Bitmap.createBitmap(colours, width, height, Bitmap.Config.ARGB_8888)
}

private fun mean(image: RgbImage, left: Int, top: Int, side: Int): Int {
    var red = 0
    var green = 0
    var blue = 0
    val right = minOf(left + side, image.width)
    val bottom = minOf(top + side, image.height)
    for (y in top until bottom) {
        var at = 3 * (y * image.width + left)
        for (x in left until right) {
            red += image.rgb[at].toInt() and 0xff
            green += image.rgb[at + 1].toInt() and 0xff
            blue += image.rgb[at + 2].toInt() and 0xff
            at += 3
        }
    }
    val count = (right - left) * (bottom - top)
    return 0xff shl 24 or (red / count shl 16) or (green / count shl 8) or blue / count
}
