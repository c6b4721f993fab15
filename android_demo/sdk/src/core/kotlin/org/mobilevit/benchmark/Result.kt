package org.mobilevit.benchmark

import org.mobilevit.bundle.Manifest
import org.mobilevit.json.Json

/**
 * The records of a run as the host's result JSON (docs/benchmark-result.schema.json, schema 2), which
 * `mobilevit report` and `mobilevit compare` read; null if no round of any case is among them.
 *
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
): Json.Object? = TODO()
