package org.mobilevit.image

import org.mobilevit.ImageException
import org.mobilevit.bundle.Preprocessing

/**
 * Steps 2 and 3 of preprocessing: `height * width * 3` bytes of the crop, RGB, row by row, the very
 * bytes that training saw. [CropResizer] is for many images of one size.
 *
 * @throws ImageException it is so narrow that it would be resized to too many pixels.
 */
fun resizeAndCrop(image: RgbImage, record: Preprocessing): ByteArray {
    val resizer = CropResizer(record)
    val pixels = ByteArray(resizer.byteCount)
    resizer.resizeAndCrop(image.rgb, image.width, image.height, pixels)
    return pixels
}
