package org.mobilevit.demo.benchmark

import org.mobilevit.benchmark.summarize

/** A stretch of the chart, in seconds of running. */
data class Band(
    val fromS: Double,
    val toS: Double,
    val kind: Kind,
    /** Of the runs of a round. */
    val medianMs: Double?,
) {
    enum class Kind { WARM_UP, ROUND, DISTURBED }
}

/**
 * The runs of a trace in order, the warm-up's too.
 *
 * Time is seconds of running: each run takes the place that it took, and what lies between the
 * rounds (the sentinel, loading) is left out.
 */
class ChartModel(trace: Trace, disturbed: Set<Int>) {
    private val runs: List<Long> = trace.launches.flatMap { launch ->
        launch.warmUpNs + launch.rounds.flatMap { it.samplesNs.asList() }
    }

    val endS: FloatArray = FloatArray(runs.size)
    val latencyMs: FloatArray = FloatArray(runs.size) { (runs[it] / NS_PER_MS).toFloat() }
    val bands: List<Band>
    val totalS: Double

    /** Of all runs but the warm-up's; null until there are any. */
    val medianMs: Double?

    /** Of latency, in ms; null until there are runs. */
    val axis: Axis?

    /** Runs after the warm-up that took longer than [axis] goes: with them, it would hide the rest. */
    val above: Int

    init {
        var now = 0.0
        runs.forEachIndexed { i, ns ->
            now += ns / NS_PER_S
            endS[i] = now.toFloat()
        }
        totalS = now
        bands = bands(trace, disturbed)
        val measured = trace.samplesNs
        medianMs = if (measured.isEmpty()) null else summarize(measured).p50Ns / NS_PER_MS
        axis = if (runs.isEmpty()) null else latencyAxis(measured.ifEmpty { runs }, bands)
        above = if (axis == null) 0 else measured.count { it / NS_PER_MS > axis.high }
    }

    private fun bands(trace: Trace, disturbed: Set<Int>): List<Band> {
        var from = 0.0

        fun band(samples: List<Long>, kind: Band.Kind, medianMs: Double?): Band {
            val to = from + samples.sum() / NS_PER_S
            return Band(from, to, kind, medianMs).also { from = to }
        }
        return trace.launches.flatMap { launch ->
            val warmUp = launch.warmUpNs.takeIf { it.isNotEmpty() }
            listOfNotNull(warmUp?.let { band(it, Band.Kind.WARM_UP, null) }) +
                launch.rounds.map { round ->
                    val kind = if (round.number in
                        disturbed
                    ) {
                        Band.Kind.DISTURBED
                    } else {
                        Band.Kind.ROUND
                    }
                    val samples = round.samplesNs.asList()
                    band(samples, kind, summarize(samples).p50Ns / NS_PER_MS)
                }
        }
    }
}

/**
 * From the fastest run to above every round's median and nine of ten runs, and no narrower than a
 * tenth of the median to either side, which keeps noise from looking like news.
 */
private fun latencyAxis(runs: List<Long>, bands: List<Band>): Axis {
    val summary = summarize(runs)
    val low = minOf(runs.min().toDouble(), LEAST_LOW * summary.p50Ns)
    val most = summary.p90Ns + ROOM * (summary.p90Ns - low)
    val high = maxOf(most, LEAST_HIGH * summary.p50Ns) / NS_PER_MS
    return axis(low / NS_PER_MS, maxOf(high, bands.maxOf { it.medianMs ?: 0.0 }), TICKS)
}

internal const val NS_PER_MS = 1e6
internal const val NS_PER_S = 1e9
private const val LEAST_LOW = 0.9
private const val LEAST_HIGH = 1.1
private const val ROOM = 0.5
private const val TICKS = 4
