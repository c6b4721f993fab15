package org.mobilevit.demo.benchmark

import java.util.Locale
import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.log10
import kotlin.math.max
import kotlin.math.pow
import kotlin.math.roundToInt

/** An axis from [low] to [high], with a tick at each multiple of [step] and at both ends. */
data class Axis(val low: Double, val high: Double, val step: Double) {
    val ticks: List<Double>
        get() = (0..((high - low) / step).roundToInt()).map { low + it * step }

    /** Where [value] lies, 0 at [low] and 1 at [high]. */
    fun share(value: Double): Double = (value - low) / (high - low)

    /** As many decimals as the step has. */
    fun label(tick: Double, locale: Locale): String =
        String.format(locale, "%.${max(0, -floor(log10(step) + ROUNDING).toInt())}f", tick)
}

/** Holds [low] and [high], with about [ticks] steps of 1, 2 or 5 times a power of ten. */
fun axis(low: Double, high: Double, ticks: Int): Axis {
    val rough = (high - low) / ticks
    val power = 10.0.pow(floor(log10(rough)))
    val step = power * (listOf(1, 2, 5).firstOrNull { it * power >= rough * (1 - ROUNDING) } ?: 10)
    return Axis(floor(low / step + ROUNDING) * step, ceil(high / step - ROUNDING) * step, step)
}

private const val ROUNDING = 1e-9
