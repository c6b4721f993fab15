package org.mobilevit.demo

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Path
import android.util.AttributeSet
import android.view.View

/** Corners of the square that the model looks at. */
internal class ViewfinderFrame(context: Context, attributes: AttributeSet?) :
    View(context, attributes) {
    /** Of the picture's shorter side, as the bundle has it. */
    var share: Float = 0.9f
        set(value) {
            field = value
            layOut()
        }

    private val corners = Path()
    private val density = resources.displayMetrics.density
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        style = Paint.Style.STROKE
        strokeCap = Paint.Cap.ROUND
        strokeWidth = 3 * density
        color = 0xE6FFFFFF.toInt()
        setShadowLayer(4 * density, 0f, 0f, 0x66000000)
    }

    override fun onSizeChanged(width: Int, height: Int, oldWidth: Int, oldHeight: Int) = layOut()

    override fun onDraw(canvas: Canvas) = canvas.drawPath(corners, paint)

    private fun layOut() {
        val side = minOf(width, height) * share
        val left = (width - side) / 2
        val top = (height - side) / 2
        val arm = minOf(28 * density, side / 4)
        val radius = minOf(16 * density, arm)
        corners.rewind()
        for (right in listOf(false, true)) {
            for (below in listOf(false, true)) {
                val x = if (right) left + side else left
                val y = if (below) top + side else top
                val inX = if (right) -1 else 1
                val inY = if (below) -1 else 1
                corners.moveTo(x, y + inY * (radius + arm))
                corners.lineTo(x, y + inY * radius)
                corners.quadTo(x, y, x + inX * radius, y)
                corners.lineTo(x + inX * (radius + arm), y)
            }
        }
        invalidate()
    }
}
