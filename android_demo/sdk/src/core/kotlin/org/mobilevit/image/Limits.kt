package org.mobilevit.image

import org.mobilevit.ImageException

/** Most pixels of an image, before and after resizing; where Pillow refuses. */
const val MAX_PIXELS: Long = 178_956_970

// A file of a few bytes can promise an image that takes a minute to decode. Larger ones than this
// must have some bytes to show for it, by the same numbers as in mobilevit/images.py.
private const val LARGE: Long = 1 shl 24
private const val PIXELS_A_BYTE = 400

/**
 * Refuses what a file's header promises, before it is decoded.
 *
 * @throws ImageException no pixels, more than [MAX_PIXELS], or more than so few bytes can hold.
 */
fun requireReasonableSize(width: Int, height: Int, fileBytes: Long) {
    if (width <= 0 || height <= 0) {
        throw ImageException("an image of ${width}x$height pixels has nothing in it")
    }
    val pixels = width.toLong() * height
    if (pixels > maxOf(LARGE, fileBytes * PIXELS_A_BYTE)) {
        throw ImageException(
            "the image is ${width}x$height pixels in $fileBytes bytes, as no photo is",
            "give a smaller image",
        )
    }
    if (pixels > MAX_PIXELS) {
        throw ImageException(
            "the image is ${width}x$height pixels, more than ${MAX_PIXELS / 1_000_000} million",
            "give a smaller image",
        )
    }
}
