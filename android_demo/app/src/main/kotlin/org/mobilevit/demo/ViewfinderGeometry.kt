package org.mobilevit.demo

import android.graphics.Matrix
import android.graphics.RectF
import android.util.Size
import android.view.Surface

/** How the camera's picture lies in the view: its shorter side fills the view's shorter side. */
internal class ViewfinderGeometry(
    /** Pixels of the camera's buffer, as the sensor lies. */
    private val buffer: Size,
    /** Degrees clockwise from the sensor's picture to one that is upright when the phone is. */
    private val sensorOrientation: Int,
    /** How the display is turned, a `Surface.ROTATION_*`. */
    private val rotation: Int,
) {
    // upright while the phone is: what a TextureView stretches over itself
    private val natural =
        if (sensorOrientation % 180 == 90) Size(buffer.height, buffer.width) else buffer

    /** Pixels of the picture as it is seen. */
    private val seen: Size
        get() {
            val lying = rotation == Surface.ROTATION_90 || rotation == Surface.ROTATION_270
            return if (lying) Size(natural.height, natural.width) else natural
        }

    private fun scale(width: Int, height: Int): Float =
        minOf(width, height).toFloat() / minOf(seen.width, seen.height)

    /** For `TextureView.setTransform`, of a view of these pixels. */
    fun transform(width: Int, height: Int): Matrix {
        val middleX = width / 2f
        val middleY = height / 2f
        val unstretched = RectF(0f, 0f, natural.width.toFloat(), natural.height.toFloat())
        unstretched.offset(middleX - unstretched.centerX(), middleY - unstretched.centerY())
        val scale = scale(width, height)
        return Matrix().apply {
            setRectToRect(
                RectF(0f, 0f, width.toFloat(), height.toFloat()),
                unstretched,
                Matrix.ScaleToFit.FILL,
            )
            postRotate(-90f * rotation, middleX, middleY)
            postScale(scale, scale, middleX, middleY)
        }
    }
}

/**
 * Degrees clockwise that make a frame upright as the phone is held.
 *
 * @param rotation of the display, a `Surface.ROTATION_*`.
 */
internal fun uprightRotation(sensorOrientation: Int, rotation: Int, front: Boolean): Int {
    val turned = 90 * rotation
    return (sensorOrientation + if (front) turned else 360 - turned) % 360
}
