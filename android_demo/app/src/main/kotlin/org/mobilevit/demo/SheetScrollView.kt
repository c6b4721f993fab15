package org.mobilevit.demo

import android.content.Context
import android.util.AttributeSet
import android.widget.ScrollView

/** Takes the height of what is in it, up to a share of what there is; then it scrolls. */
internal class SheetScrollView(context: Context, attributes: AttributeSet?) :
    ScrollView(context, attributes) {
    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val most = when (MeasureSpec.getMode(heightMeasureSpec)) {
            MeasureSpec.AT_MOST -> (MeasureSpec.getSize(heightMeasureSpec) * SHARE).toInt()
            else -> return super.onMeasure(widthMeasureSpec, heightMeasureSpec)
        }
        super.onMeasure(
            widthMeasureSpec,
            MeasureSpec.makeMeasureSpec(most, MeasureSpec.AT_MOST),
        )
    }

    private companion object {
        /** Leaves the camera's picture something at the largest font too. */
        const val SHARE = 0.66f
    }
}
