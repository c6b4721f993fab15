package org.mobilevit.demo

import android.content.Context
import android.util.AttributeSet
import android.view.Gravity
import android.view.View
import android.widget.LinearLayout
import android.widget.TextView

/**
 * Children of equal width beside each other; below each other where a large font leaves no room.
 * A drawable that children have above their text then stands at its start.
 */
internal class StackingRow(context: Context, attributes: AttributeSet?) :
    LinearLayout(context, attributes) {
    private val gap = resources.getDimensionPixelSize(R.dimen.space_s)

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val width = MeasureSpec.getSize(widthMeasureSpec) - paddingLeft - paddingRight
        arrange(stacked = !fitsBeside(width))
        super.onMeasure(widthMeasureSpec, heightMeasureSpec)
    }

    private fun fitsBeside(width: Int): Boolean {
        var visible = 0
        var widest = 0
        for (index in 0 until childCount) {
            val child = getChildAt(index)
            if (child.visibility == View.GONE) continue
            visible++
            child.measure(UNBOUNDED, UNBOUNDED)
            widest = maxOf(widest, child.measuredWidth)
        }
        return visible * widest + (visible - 1) * gap <= width
    }

    private fun arrange(stacked: Boolean) {
        orientation = if (stacked) VERTICAL else HORIZONTAL
        var first = true
        for (index in 0 until childCount) {
            val child = getChildAt(index)
            if (child.visibility == View.GONE) continue
            val parameters = child.layoutParams as LayoutParams
            parameters.width = if (stacked) LayoutParams.MATCH_PARENT else 0
            parameters.height =
                if (stacked) LayoutParams.WRAP_CONTENT else LayoutParams.MATCH_PARENT
            parameters.weight = if (stacked) 0f else 1f
            // not marginStart, which nobody resolves any more at this time
            val before = if (stacked || first) 0 else gap
            val mirrored = layoutDirection == View.LAYOUT_DIRECTION_RTL
            parameters.leftMargin = if (mirrored) 0 else before
            parameters.rightMargin = if (mirrored) before else 0
            parameters.topMargin = if (stacked && !first) gap else 0
            if (child is TextView) turn(child, stacked)
            first = false
        }
    }

    private fun turn(child: TextView, stacked: Boolean) {
        val drawables = child.compoundDrawablesRelative
        val drawable = drawables[0] ?: drawables[1] ?: return
        if (stacked == (drawables[0] != null)) return
        child.compoundDrawablePadding = if (stacked) 2 * gap else gap / 2
        child.gravity = if (stacked) Gravity.START or Gravity.CENTER_VERTICAL else Gravity.CENTER
        if (stacked) {
            child.setCompoundDrawablesRelative(drawable, null, null, null)
        } else {
            child.setCompoundDrawablesRelative(null, drawable, null, null)
        }
    }

    private companion object {
        val UNBOUNDED = MeasureSpec.makeMeasureSpec(0, MeasureSpec.UNSPECIFIED)
    }
}
