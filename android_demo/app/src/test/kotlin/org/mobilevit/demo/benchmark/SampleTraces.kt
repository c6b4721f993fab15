package org.mobilevit.demo.benchmark

import kotlin.random.Random
import org.mobilevit.json.Json
import org.mobilevit.json.jsonObject

/** Records of a run as a phone may give them: made up, and the same each time. */
internal fun sampleRecords(mode: Mode, disturbed: Set<Int> = emptySet()): List<Json.Object> {
    val random = Random(0)
    var now = 1_000_000_000L

    fun samples(count: Int, ms: Double) = List(count) {
        val slow = if (random.nextInt(60) == 0) random.nextDouble(0.3, 2.0) else 0.0
        (1e6 * ms * (1 + 0.02 * random.nextDouble(-1.0, 1.0) + slow)).toLong()
    }

    fun record(kind: String, vararg fields: Pair<String, Any?>) =
        jsonObject("record" to kind, *fields)

    fun sentinel(slow: Boolean): Json.Object {
        now += 12_000_000
        return record(
            "sentinel",
            "started_ns" to now,
            "samples_ns" to List(8) { if (slow) 1_400_000L else 1_000_000L },
        )
    }

    fun state(status: String) =
        record("state", "at_ns" to now, "state" to jsonObject("thermal_status" to status))

    val sustained = mode == Mode.SUSTAINED
    val launches = if (sustained) 1 else mode.settings.launches
    val rounds = if (sustained) 60 else mode.settings.rounds
    val records = mutableListOf(state("none"))
    var number = 0
    repeat(launches) { launch ->
        val base = 11.2 + 0.25 * random.nextDouble(-1.0, 1.0)
        records += record(
            "opened",
            "case" to "0",
            "launch" to launch,
            "runtime_version" to "1.4.0",
            "delegate" to "XNNPACK, on the CPU",
            "load_ns" to 48_200_000L,
            "first_run_ns" to 31_700_000L,
        )
        records += record(
            "warmed_up",
            "case" to "0",
            "launch" to launch,
            "samples_ns" to List(24) { (1e6 * base * (1 + 0.9 / (it + 1))).toLong() },
            "capped" to false,
        )
        if (!sustained) records += sentinel(false)
        repeat(rounds / launches) {
            val slow = number in disturbed
            val heat = if (sustained && number > 25) 1.0 + 0.004 * (number - 25) else 1.0
            val ms = base * heat * if (slow) 1.25 else 1.0
            now += 2_000_000
            val round = samples(if (sustained) 85 else 10, ms)
            records += record(
                "round",
                "case" to "0",
                "launch" to launch,
                "round" to number,
                "started_ns" to now,
                "samples_ns" to round,
            )
            now += round.sum()
            if (sustained) records += state("none") else records += sentinel(slow)
            number++
        }
        records += record(
            "closed",
            "case" to "0",
            "launch" to launch,
            "peak_memory_bytes" to if (launch == 0) 148_897_792L else null,
            "memory_rise_bytes" to null,
        )
    }
    records += state("light")
    return records
}

internal fun trace(records: List<Json.Object>): Trace = records.fold(Trace(), Trace::plus)
