package org.mobilevit.android

import android.graphics.ImageFormat
import android.media.Image
import org.mobilevit.ImageException
import org.mobilevit.image.YuvFrame
import org.mobilevit.image.YuvPlane

/**
 * The part of a camera's image that its crop rectangle names, without copying: it is valid until
 * the image is closed.
 *
 * @throws ImageException not YUV_420_888, or with planes that end early.
 */
fun Image.toYuvFrame(): YuvFrame {
    if (format != ImageFormat.YUV_420_888) {
        throw ImageException(
            "a frame of image format $format is not YUV_420_888",
            "ask the camera for ImageFormat.YUV_420_888",
        )
    }
    val (y, u, v) = planes.map { YuvPlane(it.buffer, it.rowStride, it.pixelStride) }
    val crop = cropRect
    return YuvFrame(y, u, v, crop.width(), crop.height(), crop.left, crop.top)
}
