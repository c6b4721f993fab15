package org.mobilevit.image

/**
 * An image of 8 bits a channel.
 *
 * @property rgb `height * width * 3` bytes, row by row, red first.
 */
class RgbImage(val width: Int, val height: Int, val rgb: ByteArray) {
    init {
        require(width > 0 && height > 0) { "an image of ${width}x$height pixels has nothing in it" }
        require(rgb.size.toLong() == 3L * width * height) {
            "${rgb.size} bytes for ${width}x$height"
        }
    }
}
