package org.mobilevit.benchmark

import org.mobilevit.json.Json
import org.mobilevit.json.jsonObject

/** The plan's file in its folder. */
const val PLAN_FILE: String = "plan.json"

/** The numbers of the protocol; the defaults are those of `mobilevit_benchmarks/plan.py`. */
data class ProtocolSettings(
    /** How often each case is opened anew. */
    val launches: Int = 5,
    /** Of each case, spread over its launches. */
    val rounds: Int = 20,
    val warmupMinRuns: Int = 15,
    val warmupMinS: Double = 0.25,
    val warmupCapS: Double = 5.0,
    val warmupAgreement: Double = 0.04,
    val roundMinRuns: Int = 5,
    val roundMinS: Double = 0.1,
    val sentinelMinS: Double = 0.01,
    /** Sustained mode: each case alone for this long, in rounds of [sustainedWindowS]. */
    val sustainedS: Double? = null,
    val sustainedWindowS: Double = 1.0,
    val seed: Long = 0,
)

/** One input's array: a file of its bytes, little-endian, in C order. */
data class PlannedFeed(val name: String, val dtype: String, val shape: List<Int>, val file: String)

/** One artifact on one runtime, with one delegate, number of threads and batch. */
data class PlannedCase(
    /** Of this plan: one to four digits. */
    val id: String,
    /** Path in the plan's folder. */
    val artifact: String,
    val artifactSha256: String,
    val runtime: String,
    /** One of the runtime's; the session says which one really ran. */
    val delegate: String,
    val threads: Int,
    val batch: Int,
    /** Null: the device draws them, floats uniform in 0..255, bytes over their whole range. */
    val feeds: List<PlannedFeed>?,
)

/** `plan.json` (docs/benchmark-plan.schema.json). */
data class Plan(
    /** Twelve hexadecimal digits, which the records repeat. */
    val run: String,
    val protocol: ProtocolSettings,
    val cases: List<PlannedCase>,
)

fun writePlan(plan: Plan): Json.Object = jsonObject(
    "schema_version" to PLAN_VERSION,
    "run" to plan.run,
    "protocol" to writeProtocol(plan.protocol),
    "cases" to plan.cases.map(::writeCase),
)

internal const val PLAN_VERSION = 1L

internal fun writeProtocol(settings: ProtocolSettings): Json.Object = jsonObject(
    "launches" to settings.launches,
    "rounds" to settings.rounds,
    "warmup_min_runs" to settings.warmupMinRuns,
    "warmup_min_s" to settings.warmupMinS,
    "warmup_cap_s" to settings.warmupCapS,
    "warmup_agreement" to settings.warmupAgreement,
    "round_min_runs" to settings.roundMinRuns,
    "round_min_s" to settings.roundMinS,
    "sentinel_min_s" to settings.sentinelMinS,
    "sustained_s" to settings.sustainedS,
    "sustained_window_s" to settings.sustainedWindowS,
    "seed" to settings.seed,
)

private fun writeCase(case: PlannedCase): Json.Object = jsonObject(
    "id" to case.id,
    "artifact" to case.artifact,
    "artifact_sha256" to case.artifactSha256,
    "runtime" to case.runtime,
    "delegate" to case.delegate,
    "threads" to case.threads,
    "batch" to case.batch,
    "feeds" to case.feeds?.map(::writeFeed),
)

private fun writeFeed(feed: PlannedFeed): Json.Object = jsonObject(
    "name" to feed.name,
    "dtype" to feed.dtype,
    "shape" to feed.shape,
    "file" to feed.file,
)
