package org.mobilevit.demo

import android.content.Context
import android.util.AttributeSet
import android.widget.LinearLayout

/** A column that stays as narrow as is good to read, on a tablet too. */
internal class ColumnLayout(context: Context, attributes: AttributeSet?) :
    LinearLayout(context, attributes) {
    private val widest = resources.getDimensionPixelSize(R.dimen.column)

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val width = minOf(MeasureSpec.getSize(widthMeasureSpec), widest)
        super.onMeasure(
            MeasureSpec.makeMeasureSpec(width, MeasureSpec.getMode(widthMeasureSpec)),
            heightMeasureSpec,
        )
    }
}
