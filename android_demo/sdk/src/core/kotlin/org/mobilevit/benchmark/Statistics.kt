package org.mobilevit.benchmark

import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min
import kotlin.math.sqrt

/**
 * What a set of times comes to, as `mobilevit_benchmarks.statistics.summarize` has it; times are
 * nanoseconds, spreads are shares of 1. The interval of the mean is left to the host, which draws
 * it from all launches (`mobilevit report`).
 */
data class Summary(
    val count: Int,
    val meanNs: Double,
    val p50Ns: Double,
    val p90Ns: Double,
    /** From fewer than 100 samples, hardly more than the largest. */
    val p99Ns: Double,
    /** Coefficient of variation: standard deviation, of a sample, over mean; 0 of one sample. */
    val cv: Double,
    /** The same from medians, which a few slow runs do not move. */
    val madSpread: Double,
)

/** What sustained load did to the latency. */
data class Throttling(
    /** Median of the first tenth of the windows. */
    val firstNs: Double,
    /** And of the last tenth. */
    val lastNs: Double,
    /** When it rose for good by more than [THROTTLE_TOLERANCE]; null: it did not. */
    val afterS: Double?,
)

/** A reading of the sentinel so much slower than the run's fast quarter marks the rounds beside it. */
const val SENTINEL_TOLERANCE: Double = 0.10

/** So much between the first and the last quarter of the readings is a machine that drifted. */
const val DRIFT_TOLERANCE: Double = 0.05

/** Sustained mode: throttled from where latency stays so far above its first windows. */
const val THROTTLE_TOLERANCE: Double = 0.10

/** @param samplesNs at least one. */
fun summarize(samplesNs: List<Long>): Summary = summarize(samplesNs.toLongArray())

/** @param samplesNs at least one. */
fun summarize(samplesNs: LongArray): Summary {
    require(samplesNs.isNotEmpty()) { "no samples" }
    val sorted = sorted(samplesNs)
    val mean = sorted.average()
    val p50 = percentile(sorted, 50.0)
    val distances = DoubleArray(sorted.size) { abs(sorted[it] - p50) }.apply { sort() }
    return Summary(
        count = sorted.size,
        meanNs = mean,
        p50Ns = p50,
        p90Ns = percentile(sorted, 90.0),
        p99Ns = percentile(sorted, 99.0),
        cv = deviation(sorted, mean) / mean,
        madSpread = MAD_TO_DEVIATION * percentile(distances, 50.0) / p50,
    )
}

/**
 * Of a case in sustained mode, whose rounds are windows of time. The point of throttling is the
 * first window after which the median of ten windows never comes back to within the tolerance of
 * the first tenth's.
 *
 * @param windows of one case, in order; at least one.
 */
fun throttling(windows: List<TimedRound>): Throttling {
    require(windows.isNotEmpty()) { "no windows" }
    val medians = windows.map { median(it.samplesNs) }
    val tenth = max(1, medians.size / 10)
    val first = median(medians.take(tenth))
    val last = median(medians.takeLast(tenth))
    val smooth = medians.windowed(min(10, medians.size)).map(::median)
    val onset = smooth.indexOfLast { it <= (1 + THROTTLE_TOLERANCE) * first } + 1
    val afterS =
        if (onset == smooth.size) {
            null
        } else {
            (windows[onset].startedNs - windows[0].startedNs) / NS_PER_S
        }
    return Throttling(first, last, afterS)
}

/**
 * By what share the machine was slower in the last quarter of the run than in the first, by its
 * sentinel; null of fewer than four readings. Beyond [DRIFT_TOLERANCE] it is worth saying.
 */
fun drift(sentinel: List<SentinelReading>): Double? {
    val times = sentinel.map { median(it.samplesNs) }
    val quarter = times.size / 4
    if (quarter == 0) return null
    return median(times.takeLast(quarter)) / median(times.take(quarter)) - 1
}

/**
 * Numbers of the rounds beside which the sentinel says that the machine was not as it was in the
 * rest of the run: busy, hot or throttled. Not for sustained mode, where no reading is beside a
 * round.
 */
fun disturbedRounds(rounds: List<TimedRound>, sentinel: List<SentinelReading>): Set<Int> {
    if (sentinel.size < 4) return emptySet()
    val pace = sentinelPace(sentinel)
    return rounds
        .filter { round ->
            val after =
                sentinel
                    .indexOfFirst { it.startedNs >= round.startedNs }
                    .let { if (it < 0) sentinel.size else it }
            (after - 1..after).any { it in pace.indices && pace[it] > 1 + SENTINEL_TOLERANCE }
        }.mapTo(mutableSetOf()) { it.number }
}

/** How many times as long as in the run's fast quarter each reading took, in order. */
fun sentinelPace(sentinel: List<SentinelReading>): List<Double> {
    if (sentinel.isEmpty()) return emptyList()
    val times = sentinel.map { median(it.samplesNs) }
    val fast = percentile(times.sorted().toDoubleArray(), 25.0)
    return times.map { it / fast }
}

// a normal distribution's standard deviation over its median absolute deviation
private const val MAD_TO_DEVIATION = 1.4826
private const val NS_PER_S = 1e9

private fun sorted(samplesNs: LongArray): DoubleArray =
    DoubleArray(samplesNs.size) { samplesNs[it].toDouble() }.apply { sort() }

private fun median(samplesNs: LongArray): Double = percentile(sorted(samplesNs), 50.0)

private fun median(values: List<Double>): Double =
    percentile(values.toDoubleArray().apply { sort() }, 50.0)

/** Interpolates linearly between the two nearest, as NumPy does unless told otherwise. */
private fun percentile(sorted: DoubleArray, share: Double): Double {
    val place = share / 100 * (sorted.size - 1)
    val below = sorted[floor(place).toInt()]
    val above = sorted[ceil(place).toInt()]
    return below + (above - below) * (place - floor(place))
}

private fun deviation(values: DoubleArray, mean: Double): Double = if (values.size < 2) {
    0.0
} else {
    sqrt(values.sumOf { (it - mean) * (it - mean) } / (values.size - 1))
}
