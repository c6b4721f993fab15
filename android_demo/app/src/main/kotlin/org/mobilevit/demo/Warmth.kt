package org.mobilevit.demo

import android.content.Context
import android.os.Build
import android.os.PowerManager
import java.io.Closeable

/** How much the phone's heat slows it, as far as it says. */
internal enum class Warmth { COOL, WARM, HOT }

/** Tells the warmth at once and whenever it changes, until closed. Before API 29 a phone says nothing. */
internal fun watchWarmth(context: Context, tell: (Warmth) -> Unit): Closeable {
    if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return Closeable {}
    val power = context.getSystemService(PowerManager::class.java)
    val listener = PowerManager.OnThermalStatusChangedListener { tell(warmth(it)) }
    tell(warmth(power.currentThermalStatus))
    power.addThermalStatusListener(listener)
    return Closeable { power.removeThermalStatusListener(listener) }
}

private fun warmth(status: Int): Warmth = when {
    status >= PowerManager.THERMAL_STATUS_SEVERE -> Warmth.HOT
    status >= PowerManager.THERMAL_STATUS_MODERATE -> Warmth.WARM
    else -> Warmth.COOL
}
