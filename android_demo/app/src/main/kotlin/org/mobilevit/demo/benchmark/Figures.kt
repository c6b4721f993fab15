package org.mobilevit.demo.benchmark

import org.mobilevit.benchmark.Summary
import org.mobilevit.benchmark.Throttling
import org.mobilevit.benchmark.drift
import org.mobilevit.benchmark.summarize
import org.mobilevit.benchmark.throttling

/** What a run comes to, as the host's report has it. Times are nanoseconds, memory is bytes. */
data class Figures(
    val summary: Summary,
    /** Median over the launches; of two in the middle, the upper. */
    val loadNs: Long,
    /** Of the first launch. */
    val firstRunNs: Long,
    /** The highest of the launches that told; null where none did. */
    val peakMemory: Long?,
    val delegateRan: String,
    val runtimeVersion: String,
    /** The system's words; null where it does not tell. */
    val thermalBefore: String?,
    val thermalAfter: String?,
    val rounds: Int,
    val disturbed: Set<Int>,
    /** By what share the phone became slower over the run; null where too little was timed. */
    val drift: Double?,
    /** A warm-up was ended before the times settled. */
    val capped: Boolean,
    /** Under sustained load only. */
    val throttling: Throttling?,
)

/** Null where no round was measured. */
fun figures(trace: Trace, mode: Mode): Figures? {
    val launches = trace.launches.filter { it.rounds.isNotEmpty() }
    val first = launches.firstOrNull() ?: return null
    val sustained = mode == Mode.SUSTAINED
    return Figures(
        summary = summarize(trace.samplesNs),
        loadNs = launches.map { it.loadNs }.sorted()[launches.size / 2],
        firstRunNs = first.firstRunNs,
        peakMemory = launches.mapNotNull { it.peakMemory }.maxOrNull(),
        delegateRan = first.delegate,
        runtimeVersion = first.runtimeVersion,
        thermalBefore = trace.thermal.firstOrNull(),
        thermalAfter = trace.thermal.lastOrNull(),
        rounds = trace.rounds.size,
        disturbed = trace.disturbed(mode),
        drift = if (sustained) null else drift(trace.sentinel),
        capped = launches.any { it.capped },
        throttling = if (sustained) throttling(trace.rounds) else null,
    )
}
