package org.mobilevit.image

import java.nio.ByteBuffer
import org.mobilevit.ImageException

/**
 * One plane of a frame. Its first pixel is the buffer's byte 0, wherever its position is. The last
 * row may end with its last pixel.
 *
 * @property rowStride bytes from one row to the next.
 * @property pixelStride bytes from one pixel to the next; 2 where U and V take turns.
 */
class YuvPlane(val buffer: ByteBuffer, val rowStride: Int, val pixelStride: Int)

/**
 * A camera's frame, YUV 4:2:0 of 8 bits, as Android's `YUV_420_888` has it: [u] and [v] have half
 * the width and height of [y], rounded up. Of it the rectangle from ([left], [top]) counts.
 *
 * @throws ImageException the rectangle is not in the planes.
 */
class YuvFrame(
    val y: YuvPlane,
    val u: YuvPlane,
    val v: YuvPlane,
    val width: Int,
    val height: Int,
    val left: Int = 0,
    val top: Int = 0,
) {
    init {
        if (width <= 0 || height <= 0 || left < 0 || top < 0) {
            throw ImageException("a frame of ${width}x$height pixels from ($left, $top) on is none")
        }
        requireReach(y, "Y", left + width - 1, top + height - 1)
        requireReach(u, "U", (left + width - 1) / 2, (top + height - 1) / 2)
        requireReach(v, "V", (left + width - 1) / 2, (top + height - 1) / 2)
    }

    private fun requireReach(plane: YuvPlane, name: String, column: Int, row: Int) {
        val needed = row.toLong() * plane.rowStride + column.toLong() * plane.pixelStride + 1
        if (plane.pixelStride < 1 || plane.rowStride < 1 || plane.buffer.limit() < needed) {
            throw ImageException(
                "the $name plane of a frame has ${plane.buffer.limit()} bytes, and ${width}x" +
                    "$height pixels from ($left, $top) on need $needed",
            )
        }
    }
}
