package org.mobilevit.demo

import android.app.Activity
import android.graphics.Insets
import android.os.Build
import android.view.View
import android.view.WindowInsets

/** Draws behind the system's bars, as Android 15 does of itself, on older ones too. */
@Suppress("DEPRECATION") // by Android 15, which needs neither call
internal fun Activity.drawBehindBars() {
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
        window.setDecorFitsSystemWindows(false)
    } else {
        window.decorView.systemUiVisibility = window.decorView.systemUiVisibility or
            View.SYSTEM_UI_FLAG_LAYOUT_STABLE or
            View.SYSTEM_UI_FLAG_LAYOUT_HIDE_NAVIGATION or
            View.SYSTEM_UI_FLAG_LAYOUT_FULLSCREEN
    }
}

/** Keeps what is in this view clear of bars and cut-outs, beside the padding that it has. */
internal fun View.padByBars(
    left: Boolean = true,
    top: Boolean = true,
    right: Boolean = true,
    bottom: Boolean = true,
) {
    val own = Bars(paddingLeft, paddingTop, paddingRight, paddingBottom)
    setOnApplyWindowInsetsListener { _, insets ->
        val bars = Bars.of(insets)
        setPadding(
            own.left + if (left) bars.left else 0,
            own.top + if (top) bars.top else 0,
            own.right + if (right) bars.right else 0,
            own.bottom + if (bottom) bars.bottom else 0,
        )
        insets
    }
}

private class Bars(val left: Int, val top: Int, val right: Int, val bottom: Int) {
    companion object {
        fun of(insets: WindowInsets): Bars = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            val bars: Insets = insets.getInsets(
                WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout(),
            )
            Bars(bars.left, bars.top, bars.right, bars.bottom)
        } else {
            @Suppress("DEPRECATION") // what there was before API 30
            Bars(
                insets.systemWindowInsetLeft,
                insets.systemWindowInsetTop,
                insets.systemWindowInsetRight,
                insets.systemWindowInsetBottom,
            )
        }
    }
}
