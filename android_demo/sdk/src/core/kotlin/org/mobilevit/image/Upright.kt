package org.mobilevit.image

/**
 * The image upright, by the value of EXIF's Orientation, 1 to 8; any other value asks for nothing,
 * as in Pillow. An image that is upright already is returned itself.
 */
fun upright(image: RgbImage, orientation: Int): RgbImage {
    val w = image.width
    val h = image.height
    // where the upper left pixel of the upright image is, and what a step right and down in it are
    val (first, right, down) = when (orientation) {
        2 -> Triple(w - 1, -1, w)
        3 -> Triple(w * h - 1, -1, -w)
        4 -> Triple(w * (h - 1), 1, -w)
        5 -> Triple(0, w, 1)
        6 -> Triple(w * (h - 1), -w, 1)
        7 -> Triple(w * h - 1, -w, -1)
        8 -> Triple(w - 1, w, -1)
        else -> return image
    }
    val lying = orientation >= 5
    val width = if (lying) h else w
    val height = if (lying) w else h
    val source = image.rgb
    val target = ByteArray(source.size)
    var to = 0
    for (y in 0 until height) {
        var from = 3 * (first + y * down)
        for (x in 0 until width) {
            target[to] = source[from]
            target[to + 1] = source[from + 1]
            target[to + 2] = source[from + 2]
            to += 3
            from += 3 * right
        }
    }
    return RgbImage(width, height, target)
}
