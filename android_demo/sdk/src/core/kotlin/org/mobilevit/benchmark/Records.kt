package org.mobilevit.benchmark

import org.mobilevit.json.Json
import org.mobilevit.json.jsonObject

/** The records' file in the folder that a run is given for them: one JSON object per line. */
const val RECORDS_FILE: String = "records.jsonl"

// What a device answers (docs/benchmark-record.schema.json), in the order in which things happen.
// Times are nanoseconds on the clock of System.nanoTime.

internal fun startedRecord(run: String, device: Json.Object) = record(
    "started",
    "schema_version" to RECORD_VERSION,
    "run" to run,
    "device" to device,
)

internal fun stateRecord(atNs: Long, state: Json.Object) =
    record("state", "at_ns" to atNs, "state" to state)

internal fun openedRecord(case: String, launch: Int, opened: Opening) = record(
    "opened",
    "case" to case,
    "launch" to launch,
    "runtime_version" to opened.runtimeVersion,
    "delegate" to opened.delegate,
    "load_ns" to opened.loadNs,
    "first_run_ns" to opened.firstRunNs,
)

internal fun warmedUpRecord(case: String, launch: Int, warm: WarmUp) = record(
    "warmed_up",
    "case" to case,
    "launch" to launch,
    "samples_ns" to warm.samplesNs.asList(),
    "capped" to warm.capped,
)

internal fun roundRecord(case: String, launch: Int, round: TimedRound) = record(
    "round",
    "case" to case,
    "launch" to launch,
    "round" to round.number,
    "started_ns" to round.startedNs,
    "samples_ns" to round.samplesNs.asList(),
)

internal fun sentinelRecord(reading: SentinelReading) = record(
    "sentinel",
    "started_ns" to reading.startedNs,
    "samples_ns" to reading.samplesNs.asList(),
)

internal fun closedRecord(case: String, launch: Int, memory: PeakMemory?) = record(
    "closed",
    "case" to case,
    "launch" to launch,
    "peak_memory_bytes" to memory?.bytes,
    "memory_rise_bytes" to memory?.riseBytes,
)

internal fun refusedRecord(case: String, reason: String) =
    record("refused", "case" to case, "reason" to reason)

/** The last one: what the plan asked for was done, as far as nothing was refused. */
internal fun endedRecord() = record("ended")

private const val RECORD_VERSION = 1L

private fun record(kind: String, vararg fields: Pair<String, Any?>) =
    jsonObject("record" to kind, *fields)

// Read back: the records are this release's own, so that a field is as it was written.

internal fun Json.Object.kind(): String = text("record")

fun Json.Object.text(name: String): String = (fields.getValue(name) as Json.Text).value

fun Json.Object.long(name: String): Long = (fields.getValue(name) as Json.Number).literal.toLong()

fun Json.Object.longs(name: String): LongArray {
    val items = (fields.getValue(name) as Json.Array).items
    return LongArray(items.size) { (items[it] as Json.Number).literal.toLong() }
}

/** Of the record `round`. */
fun timedRound(record: Json.Object): TimedRound = TimedRound(
    record.long("round").toInt(),
    record.long("started_ns"),
    record.longs("samples_ns"),
)

/** Of the record `sentinel`. */
fun sentinelReading(record: Json.Object): SentinelReading =
    SentinelReading(record.long("started_ns"), record.longs("samples_ns"))
