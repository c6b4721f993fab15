package org.mobilevit.benchmark

import org.mobilevit.bundle.Manifest
import org.mobilevit.json.Json
import org.mobilevit.json.jsonObject

/**
 * The records of a run as the host's result JSON (docs/benchmark-result.schema.json, schema 2), which
 * `mobilevit report` and `mobilevit compare` read; null if no round of any case is among them. It is
 * what `mobilevit_benchmarks.collect` makes of them, as far as an app knows the same: multiply-adds,
 * parameters and accuracies of a model are left out.
 *
 * @param records as [conduct] told them.
 * @param manifest of the bundle that the artifacts are from, which names them.
 * @param sizes bytes of the artifact, by the id of the case.
 * @param created ISO 8601, with its zone.
 * @param stopped why the run ended before its plan.
 */
fun result(
    records: List<Json.Object>,
    plan: Plan,
    manifest: Manifest,
    sizes: Map<String, Long>,
    created: String,
    stopped: String? = null,
): Json.Object? {
    val started = records.firstOrNull { it.kind() == "started" } ?: return null
    val subjects = plan.cases.associate { it.id to Subject(it, manifest) }
    val measurements =
        plan.cases.mapNotNull { case ->
            val launches = launches(records, case.id)
            if (launches.isEmpty()) {
                null
            } else {
                measurement(case, subjects.getValue(case.id), sizes.getValue(case.id), launches)
            }
        }
    if (measurements.isEmpty()) return null
    return jsonObject(
        "schema_version" to RESULT_VERSION,
        "created" to created,
        "device" to started.fields.getValue("device"),
        "protocol" to writeProtocol(plan.protocol),
        "measurements" to measurements,
        "sentinel" to records.without("sentinel"),
        "states" to records.without("state"),
        "not_timed" to notTimed(records, subjects),
        "stopped" to stopped,
    )
}

private const val RESULT_VERSION = 2L

/** What is timed, as a result names it. */
private class Subject(val case: PlannedCase, private val manifest: Manifest) {
    private val record = manifest.artifacts.find { it.sha256 == case.artifactSha256 }

    val artifact: String = (record?.file ?: case.artifact).substringAfterLast('/')
    val name: String = record?.let { "${it.format} ${it.variant}" } ?: artifact
    val model: Json.Object get() =
        jsonObject(
            "name" to manifest.model,
            "image_size" to
                listOf(manifest.preprocessing.height, manifest.preprocessing.width),
        )
    val modelName: String get() = manifest.model
}

/** The records of one opening that came to a round. */
private class Told(val opened: Json.Object, val json: Json.Object)

private fun launches(records: List<Json.Object>, case: String): List<Told> {
    val own = records.filter { (it.fields["case"] as? Json.Text)?.value == case }
    val byLaunch = own.filter { "launch" in it.fields }.groupBy { it.long("launch") }
    return byLaunch.values.mapNotNull { launch ->
        val opened = launch.find { it.kind() == "opened" }
        val warmedUp = launch.find { it.kind() == "warmed_up" }
        val rounds = launch.filter { it.kind() == "round" }
        if (opened == null || warmedUp == null || rounds.isEmpty()) return@mapNotNull null
        val closed = launch.find { it.kind() == "closed" }
        Told(
            opened,
            jsonObject(
                "load_ns" to opened.fields.getValue("load_ns"),
                "first_run_ns" to opened.fields.getValue("first_run_ns"),
                "warmup" to
                    jsonObject(
                        "samples_ns" to warmedUp.fields.getValue("samples_ns"),
                        "capped" to warmedUp.fields.getValue("capped"),
                    ),
                "rounds" to rounds.map(::round),
                "peak_memory_bytes" to closed?.get("peak_memory_bytes"),
                "memory_rise_bytes" to closed?.get("memory_rise_bytes"),
            ),
        )
    }
}

private fun round(record: Json.Object) = jsonObject(
    "number" to record.fields.getValue("round"),
    "started_ns" to record.fields.getValue("started_ns"),
    "samples_ns" to record.fields.getValue("samples_ns"),
)

private fun measurement(case: PlannedCase, subject: Subject, size: Long, launches: List<Told>) =
    jsonObject(
        "name" to subject.name,
        "model" to subject.model,
        "artifact" to subject.artifact,
        "artifact_sha256" to case.artifactSha256,
        "artifact_bytes" to size,
        "runtime" to case.runtime,
        "runtime_version" to
            launches
                .first()
                .opened.fields
                .getValue("runtime_version"),
        "delegate" to case.delegate,
        "delegate_ran" to
            launches
                .first()
                .opened.fields
                .getValue("delegate"),
        "threads" to case.threads,
        "batch" to case.batch,
        "launches" to launches.map { it.json },
    )

private fun notTimed(records: List<Json.Object>, subjects: Map<String, Subject>): List<Json> =
    // of a case that is refused more than once, the last reason
    records.filter { it.kind() == "refused" }.associateBy { it.text("case") }.map { (id, refused) ->
        val subject = subjects.getValue(id)
        val case = subject.case
        jsonObject(
            "name" to subject.name,
            "model" to subject.modelName,
            "artifact" to subject.artifact,
            "reason" to "${case.runtime} (${case.delegate}): ${refused.text("reason")}",
            "refused" to true,
        )
    }

/** The records of a kind, without the word for it. */
private fun List<Json.Object>.without(kind: String): List<Json> =
    filter { it.kind() == kind }.map { Json.Object(it.fields - "record") }
