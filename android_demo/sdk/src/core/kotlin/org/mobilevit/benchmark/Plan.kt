package org.mobilevit.benchmark

import org.mobilevit.json.Json

/** The numbers of the protocol; the defaults are those of `mobilevit_benchmarks/plan.py`. */
data class ProtocolSettings(
    val launches: Int = 5,
    val rounds: Int = 20,
    val warmupMinRuns: Int = 15,
    val warmupMinS: Double = 0.25,
    val warmupCapS: Double = 5.0,
    val warmupAgreement: Double = 0.04,
    val roundMinRuns: Int = 5,
    val roundMinS: Double = 0.1,
    val sentinelMinS: Double = 0.01,
    val sustainedS: Double? = null,
    val sustainedWindowS: Double = 1.0,
    val seed: Long = 0,
)

data class PlannedFeed(val name: String, val dtype: String, val shape: List<Int>, val file: String)

/** One artifact on one runtime, with one delegate, number of threads and batch. */
data class PlannedCase(
    val id: String,
    val artifact: String,
    val artifactSha256: String,
    val runtime: String,
    val delegate: String,
    val threads: Int,
    val batch: Int,
    val feeds: List<PlannedFeed>?,
)

/** `plan.json`. */
data class Plan(val run: String, val protocol: ProtocolSettings, val cases: List<PlannedCase>)

/** @throws org.mobilevit.InputException not a plan, or one of another schema version. */
fun readPlan(text: String): Plan = TODO()

fun writePlan(plan: Plan): Json.Object = TODO()
