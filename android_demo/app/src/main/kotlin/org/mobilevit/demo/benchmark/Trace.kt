package org.mobilevit.demo.benchmark

import org.mobilevit.benchmark.SentinelReading
import org.mobilevit.benchmark.TimedRound
import org.mobilevit.benchmark.disturbedRounds
import org.mobilevit.benchmark.long
import org.mobilevit.benchmark.longs
import org.mobilevit.benchmark.sentinelReading
import org.mobilevit.benchmark.text
import org.mobilevit.benchmark.timedRound
import org.mobilevit.json.Json

/** One opening of the artifact, as far as it got. Times are nanoseconds, memory is bytes. */
data class TracedLaunch(
    val delegate: String,
    val runtimeVersion: String,
    val loadNs: Long,
    val firstRunNs: Long,
    /** Empty until it is over. */
    val warmUpNs: List<Long> = emptyList(),
    /** The warm-up was ended by its cap, before the times settled. */
    val capped: Boolean = false,
    val rounds: List<TimedRound> = emptyList(),
    val peakMemory: Long? = null,
    val closed: Boolean = false,
)

/** What a run of one case does at a moment. */
enum class Stage { LOADING, WARMING_UP, MEASURING }

/** The records of a run of one case, as far as a screen shows them. */
data class Trace(
    val launches: List<TracedLaunch> = emptyList(),
    val sentinel: List<SentinelReading> = emptyList(),
    /** The system's word each time it was asked; null where it does not tell. */
    val thermal: List<String?> = emptyList(),
    val refusal: String? = null,
) {
    val stage: Stage
        get() {
            val launch = launches.lastOrNull()
            return when {
                launch == null || launch.closed -> Stage.LOADING
                launch.warmUpNs.isEmpty() -> Stage.WARMING_UP
                else -> Stage.MEASURING
            }
        }

    /** From 0, of the launch that is under way. */
    val launch: Int get() = launches.size - if (stage == Stage.LOADING) 0 else 1

    val rounds: List<TimedRound> get() = launches.flatMap { it.rounds }

    /** Of every round, in order. */
    val samplesNs: List<Long> get() = rounds.flatMap { it.samplesNs.asList() }

    /** Numbers of the rounds beside which the phone was busy or hot; none where no sentinel tells. */
    fun disturbed(mode: Mode): Set<Int> =
        if (mode == Mode.SUSTAINED) emptySet() else disturbedRounds(rounds, sentinel)

    operator fun plus(record: Json.Object): Trace = when (record.text("record")) {
        "state" -> copy(thermal = thermal + record.obj("state").textOrNull("thermal_status"))

        "sentinel" -> copy(sentinel = sentinel + sentinelReading(record))

        "opened" -> copy(launches = launches + opened(record))

        "warmed_up" ->
            inLaunch {
                it.copy(
                    warmUpNs = record.longs("samples_ns").asList(),
                    capped = record.bool("capped"),
                )
            }

        "round" -> inLaunch { it.copy(rounds = it.rounds + timedRound(record)) }

        "closed" ->
            inLaunch {
                it.copy(closed = true, peakMemory = record.longOrNull("peak_memory_bytes"))
            }

        "refused" -> copy(refusal = record.text("reason"))

        else -> this
    }

    private fun inLaunch(change: (TracedLaunch) -> TracedLaunch): Trace =
        copy(launches = launches.dropLast(1) + change(launches.last()))
}

private fun opened(record: Json.Object) = TracedLaunch(
    delegate = record.text("delegate"),
    runtimeVersion = record.text("runtime_version"),
    loadNs = record.long("load_ns"),
    firstRunNs = record.long("first_run_ns"),
)

private fun Json.Object.textOrNull(name: String): String? = (fields[name] as? Json.Text)?.value

private fun Json.Object.longOrNull(name: String): Long? =
    (fields[name] as? Json.Number)?.literal?.toLong()

private fun Json.Object.bool(name: String): Boolean = (fields.getValue(name) as Json.Bool).value

private fun Json.Object.obj(name: String): Json.Object = fields.getValue(name) as Json.Object
