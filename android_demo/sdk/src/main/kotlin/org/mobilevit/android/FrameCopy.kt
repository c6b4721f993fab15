package org.mobilevit.android

import android.media.Image
import java.nio.ByteBuffer
import org.mobilevit.image.YuvFrame
import org.mobilevit.image.YuvPlane

/** A camera's frame in memory of our own, which is used again for the next one of its size. */
internal class FrameCopy {
    private val buffers = Array(3) { ByteBuffer.allocate(0) }

    /** Valid until the next call. @throws org.mobilevit.ImageException as [toYuvFrame]. */
    fun of(image: Image): YuvFrame {
        val frame = image.toYuvFrame()
        return YuvFrame(
            y = copy(0, frame.y),
            u = copy(1, frame.u),
            v = copy(2, frame.v),
            width = frame.width,
            height = frame.height,
            left = frame.left,
            top = frame.top,
        )
    }

    private fun copy(index: Int, plane: YuvPlane): YuvPlane {
        val source = plane.buffer.duplicate()
        source.rewind()
        if (buffers[index].capacity() < source.remaining()) {
            buffers[index] = ByteBuffer.allocate(source.remaining())
        }
        val target = buffers[index]
        target.clear()
        target.put(source)
        target.flip()
        return YuvPlane(target, plane.rowStride, plane.pixelStride)
    }
}
