package org.mobilevit.demo.benchmark

import android.content.res.Resources
import android.text.SpannableStringBuilder
import android.text.Spanned
import android.text.style.ForegroundColorSpan
import android.text.style.RelativeSizeSpan
import java.util.Locale
import kotlin.math.abs
import org.mobilevit.benchmark.DRIFT_TOLERANCE
import org.mobilevit.benchmark.summarize
import org.mobilevit.demo.R
import org.mobilevit.demo.locale
import org.mobilevit.demo.runtimeName

/** Three figures that count: 0.123, 1.23, 12.3, 123. */
internal fun milliseconds(ms: Double, locale: Locale): String {
    val decimals = when {
        abs(ms) < 0.9995 -> 3
        abs(ms) < 9.995 -> 2
        abs(ms) < 99.95 -> 1
        else -> 0
    }
    return String.format(locale, "%.${decimals}f", ms)
}

internal fun Resources.milliseconds(ns: Double): String =
    getString(R.string.benchmark_ms, milliseconds(ns / NS_PER_MS, locale))

/** [share] of 1. */
internal fun Resources.percent(share: Double): String =
    getString(R.string.benchmark_percent, String.format(locale, "%.1f", 100 * share))

internal fun Resources.runs(count: Int): String =
    getQuantityString(R.plurals.benchmark_runs, count, count)

internal fun Resources.rounds(count: Int): String =
    getQuantityString(R.plurals.benchmark_rounds, count, count)

internal fun Resources.threads(count: Int): String =
    getQuantityString(R.plurals.benchmark_threads_count, count, count)

internal fun Resources.delegate(name: String): String = when (name) {
    "cpu" -> getString(R.string.benchmark_cpu)
    "xnnpack" -> getString(R.string.benchmark_xnnpack)
    "gpu" -> getString(R.string.benchmark_gpu)
    "nnapi" -> getString(R.string.benchmark_nnapi)
    else -> name
}

internal fun Resources.thermal(status: String?): String = when (status) {
    null -> getString(R.string.benchmark_not_told)
    "none" -> getString(R.string.benchmark_thermal_none)
    "light" -> getString(R.string.benchmark_thermal_light)
    "moderate" -> getString(R.string.benchmark_thermal_moderate)
    "severe" -> getString(R.string.benchmark_thermal_severe)
    "critical", "emergency", "shutdown" -> getString(R.string.benchmark_thermal_critical)
    else -> status
}

/** Such as `fp16 · LiteRT, GPU, 2 threads`. */
internal fun Resources.choice(choice: Choice): String = getString(
    R.string.benchmark_choice,
    offer(choice.offer),
    delegate(choice.delegate),
    threads(choice.threads),
)

internal fun Resources.offer(offer: Offer): String =
    getString(R.string.benchmark_offer, runtimeName(offer.runtime.name), offer.artifact.variant)

internal fun Resources.condition(condition: Condition): String = getString(
    when (condition) {
        Condition.DEBUGGABLE -> R.string.benchmark_debuggable
        Condition.EMULATOR -> R.string.benchmark_emulator
        Condition.LOW_BATTERY -> R.string.benchmark_low_battery
        Condition.POWER_SAVE -> R.string.benchmark_power_save
        Condition.CHARGING -> R.string.benchmark_charging
        Condition.WARM -> R.string.benchmark_warm
    },
)

internal fun Resources.reason(reason: StopReason): String = getString(
    when (reason) {
        StopReason.PERSON -> R.string.benchmark_reason_person
        StopReason.BACKGROUND -> R.string.benchmark_reason_background
        StopReason.LEFT -> R.string.benchmark_reason_left
        StopReason.MEMORY -> R.string.benchmark_reason_memory
    },
)

/** What spoils the figures of a run that is over. */
internal fun Resources.remarks(finished: RunState.Finished): List<String> {
    val figures = finished.figures
    val disturbed = figures.disturbed.size
    return finished.conditions.sorted().map { condition(it) } +
        listOfNotNull(
            if (figures.capped) getString(R.string.benchmark_remark_capped) else null,
            if (disturbed == 0) {
                null
            } else {
                getQuantityString(
                    R.plurals.benchmark_remark_disturbed,
                    disturbed,
                    disturbed,
                    figures.rounds,
                )
            },
            figures.drift?.takeIf { abs(it) > DRIFT_TOLERANCE }?.let {
                val text = if (it >
                    0
                ) {
                    R.string.benchmark_remark_slower
                } else {
                    R.string.benchmark_remark_faster
                }
                getString(text, percent(abs(it)))
            },
            finished.trace.refusal?.let { getString(R.string.benchmark_remark_refused, it) },
        )
}

internal fun Resources.items(lines: List<String>): String =
    lines.joinToString("\n") { getString(R.string.benchmark_item, it) }

/** What the chart shows, for who does not see it. */
internal fun Resources.describeChart(trace: Trace, disturbed: Int): String {
    val samples = trace.samplesNs
    val warmUp = trace.launches.sumOf { it.warmUpNs.size }
    if (samples.isEmpty()) return getString(R.string.benchmark_chart_waiting)

    fun ms(ns: Double) = milliseconds(ns / NS_PER_MS, locale)
    val summary = summarize(samples)
    return listOfNotNull(
        getString(
            R.string.benchmark_chart_spoken,
            runs(samples.size),
            rounds(trace.rounds.size),
            ms(summary.p50Ns),
            ms(summary.p90Ns),
            ms(samples.min().toDouble()),
            ms(samples.max().toDouble()),
        ),
        if (warmUp == 0) null else getString(R.string.benchmark_chart_spoken_warm_up, runs(warmUp)),
        if (disturbed == 0) {
            null
        } else {
            getQuantityString(R.plurals.benchmark_chart_spoken_disturbed, disturbed, disturbed)
        },
    ).joinToString(" ")
}

/** A line and, smaller, one below it. */
internal fun twoLines(first: String, second: String, color: Int): CharSequence =
    SpannableStringBuilder(first).append("\n").apply {
        val from = length
        append(second)
        setSpan(RelativeSizeSpan(SMALLER), from, length, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE)
        setSpan(ForegroundColorSpan(color), from, length, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE)
    }

private const val SMALLER = 0.8f
