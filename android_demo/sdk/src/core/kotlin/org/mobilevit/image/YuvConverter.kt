package org.mobilevit.image

import java.nio.ByteBuffer

/**
 * Turns camera frames into upright RGB ones. Android's cameras give the full range of ITU-R BT.601,
 * as in JFIF files. Keeps its buffers from one frame to the next, and allocates only when frames
 * become wider. Belongs to one thread at a time.
 */
class YuvConverter {
    private var lumaRow = ByteArray(0)
    private var chromaRow = ByteArray(0)

    // what the chroma of one row adds to each channel, for the two rows of pixels that share it
    private var red = IntArray(0)
    private var green = IntArray(0)
    private var blue = IntArray(0)

    /**
     * @param rotationDegrees clockwise, that makes the frame upright: 0, 90, 180 or 270.
     * @param rgb where the pixels are written, row by row; at least `width * height * 3` bytes. At
     *   90 and 270 degrees the rows are as long as the frame is high.
     */
    fun convert(frame: YuvFrame, rotationDegrees: Int, rgb: ByteArray) {
        val w = frame.width
        val h = frame.height
        require(rgb.size >= 3L * w * h) { "${rgb.size} bytes for ${w}x$h" }
        // where the frame's upper left pixel goes, and what a step right and down in it are there
        val first: Int
        val right: Int
        val down: Int
        when (rotationDegrees) {
            0 -> {
                first = 0
                right = 1
                down = w
            }

            90 -> {
                first = h - 1
                right = h
                down = -1
            }

            180 -> {
                first = w * h - 1
                right = -1
                down = -w
            }

            270 -> {
                first = h * (w - 1)
                right = -h
                down = 1
            }

            else -> throw IllegalArgumentException("$rotationDegrees degrees is no quarter turn")
        }
        reserve(frame)
        var chroma = -1
        for (row in 0 until h) {
            if ((frame.top + row) / 2 != chroma) {
                chroma = (frame.top + row) / 2
                readChroma(frame, chroma)
            }
            readRow(frame.y, frame.top + row, frame.left, w, lumaRow)
            writeRow(rgb, w, frame.left and 1, frame.y.pixelStride, first + row * down, right)
        }
    }

    private fun writeRow(
        rgb: ByteArray,
        width: Int,
        odd: Int,
        lumaStride: Int,
        start: Int,
        step: Int,
    ) {
        val row = lumaRow
        val red = red
        val green = green
        val blue = blue
        var to = 3 * start
        for (x in 0 until width) {
            val luma = ((row[x * lumaStride].toInt() and 0xff) shl BITS) + HALF
            val pair = (x + odd) shr 1
            rgb[to] = clipped(luma + red[pair])
            rgb[to + 1] = clipped(luma + green[pair])
            rgb[to + 2] = clipped(luma + blue[pair])
            to += 3 * step
        }
    }

    private fun readChroma(frame: YuvFrame, row: Int) {
        val column = frame.left / 2
        val count = chromaWidth(frame)
        readRow(frame.u, row, column, count, chromaRow)
        for (x in 0 until count) {
            val u = (chromaRow[x * frame.u.pixelStride].toInt() and 0xff) - 128
            green[x] = U_TO_GREEN * u
            blue[x] = U_TO_BLUE * u
        }
        readRow(frame.v, row, column, count, chromaRow)
        for (x in 0 until count) {
            val v = (chromaRow[x * frame.v.pixelStride].toInt() and 0xff) - 128
            red[x] = V_TO_RED * v
            green[x] += V_TO_GREEN * v
        }
    }

    private fun reserve(frame: YuvFrame) {
        val luma = bytes(frame.y, frame.width)
        if (lumaRow.size < luma) lumaRow = ByteArray(luma)
        val count = chromaWidth(frame)
        val chroma = maxOf(bytes(frame.u, count), bytes(frame.v, count))
        if (chromaRow.size < chroma) chromaRow = ByteArray(chroma)
        if (red.size < count) {
            red = IntArray(count)
            green = IntArray(count)
            blue = IntArray(count)
        }
    }
}

private const val BITS = 20
private const val HALF = 1 shl (BITS - 1)

// ITU-R T.871 (JFIF), section 7, times 2^BITS
private const val V_TO_RED = 1_470_104 // 1.402
private const val U_TO_GREEN = -360_853 // -0.114 * 1.772 / 0.587
private const val V_TO_GREEN = -748_826 // -0.299 * 1.402 / 0.587
private const val U_TO_BLUE = 1_858_077 // 1.772

private fun clipped(sum: Int): Byte = (sum shr BITS).coerceIn(0, 255).toByte()

private fun chromaWidth(frame: YuvFrame): Int =
    (frame.left + frame.width - 1) / 2 - frame.left / 2 + 1

/** From the first of `count` pixels to the last; what lies behind that one may not be there. */
private fun bytes(plane: YuvPlane, count: Int): Int = (count - 1) * plane.pixelStride + 1

/** In one go: a direct buffer gives its bytes one at a time slowly. */
private fun readRow(plane: YuvPlane, row: Int, column: Int, count: Int, target: ByteArray) {
    val buffer: ByteBuffer = plane.buffer
    val position = buffer.position()
    buffer.position(row * plane.rowStride + column * plane.pixelStride)
    buffer.get(target, 0, bytes(plane, count))
    buffer.position(position)
}
