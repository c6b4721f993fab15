package org.mobilevit.benchmark

import org.mobilevit.InputException
import org.mobilevit.json.Fields
import org.mobilevit.json.Json
import org.mobilevit.json.JsonException
import org.mobilevit.json.Located
import org.mobilevit.json.parseJson

/**
 * Reads `plan.json` as its schema has it: nothing else in it, and no path that leaves the folder.
 *
 * @throws InputException not a plan, or one of another schema version.
 */
fun readPlan(text: String): Plan = try {
    val root = parseJson(text.toByteArray())
    checkVersion((root as? Json.Object)?.get("schema_version"))
    Located(root).record { plan() }
} catch (error: JsonException) {
    throw InputException(
        "`$PLAN_FILE` is not a benchmark plan: ${error.oneLine()}",
        SAME_RELEASE,
    )
}

/** Before all else: a newer plan may have anything in it. */
private fun checkVersion(version: Json?) {
    if (version == null || version == Json.Number("$PLAN_VERSION")) return
    val told = (version as? Json.Number)?.literal ?: "that is no number"
    throw InputException(
        "`$PLAN_FILE` has schema version $told, and this release reads $PLAN_VERSION",
        SAME_RELEASE,
    )
}

private fun Fields.plan(): Plan {
    optional("schema_version")
    return Plan(
        run = required("run").textOf(RUN),
        protocol = required("protocol").record { protocol() },
        cases = required("cases").cases(),
    )
}

private fun Located.cases(): List<PlannedCase> {
    val cases = list { record { case() } }
    if (cases.isEmpty()) fail("there is none")
    val ids = mutableSetOf<String>()
    cases.forEachIndexed { i, case ->
        if (!ids.add(case.id)) throw JsonException(join("$i.id"), "another has it")
    }
    return cases
}

private fun Fields.protocol(): ProtocolSettings {
    val usual = ProtocolSettings()
    return ProtocolSettings(
        launches = optional("launches")?.count() ?: usual.launches,
        rounds = optional("rounds")?.count() ?: usual.rounds,
        warmupMinRuns = optional("warmup_min_runs")?.count() ?: usual.warmupMinRuns,
        warmupMinS = optional("warmup_min_s")?.number(NOT_NEGATIVE) ?: usual.warmupMinS,
        warmupCapS = optional("warmup_cap_s")?.positive() ?: usual.warmupCapS,
        warmupAgreement = optional("warmup_agreement")?.positive() ?: usual.warmupAgreement,
        roundMinRuns = optional("round_min_runs")?.count() ?: usual.roundMinRuns,
        roundMinS = optional("round_min_s")?.number(NOT_NEGATIVE) ?: usual.roundMinS,
        sentinelMinS = optional("sentinel_min_s")?.number(NOT_NEGATIVE) ?: usual.sentinelMinS,
        sustainedS = optional("sustained_s")?.orNull()?.positive(),
        sustainedWindowS = optional("sustained_window_s")?.positive() ?: usual.sustainedWindowS,
        seed = optional("seed")?.integer(0..Long.MAX_VALUE) ?: usual.seed,
    )
}

private fun Fields.case() = PlannedCase(
    id = required("id").textOf(ID),
    artifact = required("artifact").textOf(FILE_PATH),
    artifactSha256 = required("artifact_sha256").textOf(SHA256),
    runtime = required("runtime").text(),
    delegate = required("delegate").text(),
    threads = required("threads").count(),
    batch = required("batch").count(),
    feeds = required("feeds").orNull()?.list { record { feed() } },
)

private fun Fields.feed() = PlannedFeed(
    name = required("name").text(),
    dtype = required("dtype").textOf(DTYPE),
    shape = required("shape").list { count() },
    file = required("file").textOf(FILE_PATH),
)

private fun Located.textOf(pattern: Regex): String =
    text().also { if (!pattern.matches(it)) fail("String should match pattern '$pattern'") }

private fun Located.count(): Int = integer(1L..Int.MAX_VALUE).toInt()

private fun Located.positive(): Double =
    number().also { if (it <= 0) fail("Input should be greater than 0") }

private val NOT_NEGATIVE = 0.0..Double.MAX_VALUE
private val RUN = Regex("[0-9a-f]{12}")
private val ID = Regex("[0-9]{1,4}")
private val SHA256 = Regex("[0-9a-f]{64}")
private val DTYPE = Regex("u?int(8|16|32|64)|float(16|32|64)")

// no separator but `/`, no part that begins with a dot: a path within the folder
private val FILE_PATH = Regex("[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")

private const val SAME_RELEASE = "take the app and the host's tools of one release"
