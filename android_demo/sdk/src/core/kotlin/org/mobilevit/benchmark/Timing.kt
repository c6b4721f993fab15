package org.mobilevit.benchmark

import kotlin.math.abs
import kotlin.math.max

/** Runs once, and tells the nanoseconds that took, 1 or more. No lambda of Long: it would box. */
internal fun interface TimedRun {
    fun takeNs(): Long
}

/** The runs between the first one and the rounds; [capped]: the times had not settled by the cap. */
internal class WarmUp(val samplesNs: LongArray, val capped: Boolean)

/** Runs of one case, back to back; [number] counts over all launches. */
class TimedRound(val number: Int, val startedNs: Long, val samplesNs: LongArray)

/** A fixed piece of work, timed between the rounds. */
class SentinelReading(val startedNs: Long, val samplesNs: LongArray)

/**
 * Runs until the times settle: a fast and a slow moving average of them agree within [agreement]
 * for ten runs in a row, after at least [minRuns] runs and [minNs]. The rule, and its numbers, are
 * those of `mobilevit_benchmarks/runner/worker.py`, after androidx's WarmupManager.
 *
 * @param capNs the sum of the times at which to stop all the same.
 */
internal fun warmUp(
    minRuns: Int,
    minNs: Long,
    capNs: Long,
    agreement: Double,
    run: TimedRun,
): WarmUp {
    val samples = Samples()
    samples.add(run.takeNs())
    var fast = samples.total.toDouble()
    var slow = fast
    var agreeing = 1
    while (true) {
        val settled = agreeing >= AGREEING_RUNS
        if (settled && samples.count >= minRuns && samples.total >= minNs) {
            return WarmUp(samples.toArray(), capped = false)
        }
        if (samples.total >= capNs) return WarmUp(samples.toArray(), capped = !settled)
        val took = run.takeNs()
        samples.add(took)
        // plain means at first, or the slow one would carry the very first run for fifty more
        fast += max(FAST, 1.0 / samples.count) * (took - fast)
        slow += max(SLOW, 1.0 / samples.count) * (took - slow)
        agreeing = if (abs(fast - slow) <= agreement * slow) agreeing + 1 else 0
    }
}

/** The times of at least [minRuns] runs, and at least [minNs] of them in all. */
internal fun timedRuns(minRuns: Int, minNs: Long, run: TimedRun): LongArray {
    val samples = Samples()
    while (samples.count < minRuns || samples.total < minNs) samples.add(run.takeNs())
    return samples.toArray()
}

// weights of the newest run in the two moving averages: means over the last 5 and 20 runs or so
private const val FAST = 0.2
private const val SLOW = 0.05
private const val AGREEING_RUNS = 10

/** Samples as they come; what it allocates between two runs is a doubling, now and then. */
private class Samples {
    private var values = LongArray(256)
    var count = 0
        private set
    var total = 0L
        private set

    fun add(value: Long) {
        if (count == values.size) values = values.copyOf(2 * count)
        values[count++] = value
        total += value
    }

    fun toArray(): LongArray = values.copyOf(count)
}
