package org.mobilevit.benchmark

/** What a set of times comes to, as `mobilevit_benchmarks.statistics.summarize` has it. */
data class Summary(
    val count: Int,
    val meanNs: Double,
    val p50Ns: Double,
    val p90Ns: Double,
    val p99Ns: Double,
    val cv: Double,
    val madSpread: Double,
)

fun summarize(samplesNs: List<Long>): Summary = TODO()
