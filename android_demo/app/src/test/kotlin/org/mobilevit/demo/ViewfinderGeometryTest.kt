package org.mobilevit.demo

import android.graphics.RectF
import android.util.Size
import android.view.Surface
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(application = android.app.Application::class)
class ViewfinderGeometryTest {
    private val buffer = Size(1440, 1080)

    /** Where the view's own rectangle, over which the picture is stretched, comes to lie. */
    private fun shown(rotation: Int, width: Int, height: Int): RectF =
        RectF(0f, 0f, width.toFloat(), height.toFloat()).also {
            ViewfinderGeometry(buffer, 90, rotation)
                .transform(width, height)
                .mapRect(it)
        }

    @Test
    fun `upright, the picture is as wide as the view and keeps its proportions`() {
        assertEquals(RectF(0f, 130f, 1080f, 1570f), shown(Surface.ROTATION_0, 1080, 1700))
    }

    @Test
    fun `on its side, the picture is as high as the view`() {
        for (rotation in listOf(Surface.ROTATION_90, Surface.ROTATION_270)) {
            assertEquals(RectF(130f, 0f, 1570f, 1080f), shown(rotation, 1700, 1080))
        }
    }

    @Test
    fun `the square that the model looks at is in the view where the view is flat`() {
        assertEquals(RectF(440f, -40f, 640f, 226.66667f).width(), shown(0, 1080, 200).width())
    }

    @Test
    fun `frames turn upright from the sensor as the phone is held`() {
        val back = (0..3).map { uprightRotation(90, it, front = false) }
        val front = (0..3).map { uprightRotation(270, it, front = true) }
        assertEquals(listOf(90, 0, 270, 180), back)
        assertEquals(listOf(270, 0, 90, 180), front)
    }

    @Test
    fun `frames are the smallest that suffice, and the preview has their proportions`() {
        val sizes =
            listOf(
                Size(4000, 3000),
                Size(1920, 1080),
                Size(1440, 1080),
                Size(640, 480),
                Size(320, 240),
            )
        val frames = framesSize(sizes)
        assertEquals(Size(640, 480), frames)
        assertEquals(Size(1440, 1080), previewSize(sizes, Size(640, 480)))
        assertEquals(Size(320, 240), framesSize(listOf(Size(320, 240), Size(176, 144))))
        assertEquals(null, framesSize(emptyList()))
    }
}
