package org.mobilevit.image

import org.mobilevit.bundle.Preprocessing

/** Steps 2 and 3 of preprocessing: `height * width * 3` bytes of the crop, RGB, row by row. */
fun resizeAndCrop(image: RgbImage, record: Preprocessing): ByteArray = TODO()

/** The image upright, by the value of EXIF's Orientation, 1 to 8. */
fun upright(image: RgbImage, orientation: Int): RgbImage = TODO()
