package org.mobilevit.benchmark

import java.io.File
import kotlin.math.min
import kotlin.random.Random
import org.mobilevit.MobileViTException
import org.mobilevit.json.Json
import org.mobilevit.runtime.InferenceRuntime

/** The machine that a plan runs on: fields of `DeviceDescription` and `DeviceState` of the records. */
interface Machine {
    fun describe(): Json.Object

    fun state(): Json.Object

    /** Most memory that ever was resident, and what is now, in bytes; null where it is not told. */
    fun peakMemory(): Long?

    fun residentMemory(): Long?
}

/**
 * Runs a plan by the protocol of `mobilevit_benchmarks/runner/conduct.py`, on the calling thread.
 *
 * An app has one process for all cases, so a launch is the session opened anew. Peak memory is of
 * that process: it is told of the first launch only, and where no other case is open beside it;
 * elsewhere it would be another's, and is null. The collector of the Java heap cannot be switched
 * off as Python's is: where it runs in the middle of a run, it is in that run's time.
 *
 * @param folder where the artifacts and feeds that the plan names lie.
 * @param stop asked between any two runs: a reason to end early, or null. What was recorded then
 *   stays; there is no `ended`.
 * @param tell is given each record as it comes; what it throws ends the run.
 * @return the reason to end early; null: the plan was done, as far as nothing was refused.
 */
fun conduct(
    plan: Plan,
    folder: File,
    runtimes: List<InferenceRuntime>,
    machine: Machine,
    stop: () -> String?,
    tell: (Json.Object) -> Unit,
): String? = try {
    Conductor(plan, folder, runtimes, machine, stop, tell).run()
    null
} catch (stopped: Stopped) {
    stopped.reason
}

private class Stopped(val reason: String) : RuntimeException(reason, null, false, false)

private class Conductor(
    private val plan: Plan,
    private val folder: File,
    private val runtimes: List<InferenceRuntime>,
    private val machine: Machine,
    private val stop: () -> String?,
    private val tell: (Json.Object) -> Unit,
) {
    private val protocol = plan.protocol
    private val sentinel = untilStopped(Sentinel())

    fun run() {
        tell(startedRecord(plan.run, machine.describe()))
        readState()
        warm(sentinel)
        if (protocol.sustainedS == null) interleave() else sustain(protocol.sustainedS)
        readState()
        tell(endedRecord())
    }

    private fun interleave() {
        val random = Random(protocol.seed)
        var cases = plan.cases
        var number = 0
        for ((launch, rounds) in shares(protocol.rounds, protocol.launches).withIndex()) {
            launching(cases, launch) { open ->
                readSentinel()
                repeat(rounds) {
                    // or one case would always run in the wake of another
                    for (case in open.keys.shuffled(random)) {
                        open
                            .attempt(case) { round(number, it) }
                            ?.let { tell(roundRecord(case, launch, it)) }
                        readSentinel()
                    }
                    number++
                }
                val told = launch == 0 && plan.cases.size == 1
                open.forEach { (case, it) -> tellClosed(case, launch, it.takeIf { told }) }
                cases = cases.filter { it.id in open }
            }
            if (cases.isEmpty()) return
        }
    }

    private fun sustain(seconds: Double) {
        for (case in plan.cases) {
            readSentinel()
            launching(listOf(case), launch = 0) { open ->
                val end = System.nanoTime() + ns(seconds)
                var number = 0
                while (case.id in open && System.nanoTime() < end) {
                    open.attempt(case.id) { window(number, it) }?.let {
                        tell(roundRecord(case.id, 0, it))
                        readState()
                    }
                    number++
                }
                val told = case === plan.cases.first()
                open.forEach { (id, it) -> tellClosed(id, 0, it.takeIf { told }) }
            }
            readSentinel()
        }
    }

    /** Runs [block] with a warm launch of every case that is not refused, by its id. */
    private fun launching(
        cases: List<PlannedCase>,
        launch: Int,
        block: (MutableMap<String, Launch>) -> Unit,
    ) {
        val open = linkedMapOf<String, Launch>()
        try {
            for (case in cases) {
                goOn()
                refusing(case.id) {
                    open[case.id] = Launch.open(case, folder, runtimes, machine, protocol.seed)
                }
                open
                    .attempt(case.id) { it.firstRun() }
                    ?.let { tell(openedRecord(case.id, launch, it)) }
            }
            for (case in open.keys.toList()) {
                open
                    .attempt(case) { warm(untilStopped(it)) }
                    ?.let { tell(warmedUpRecord(case, launch, it)) }
            }
            block(open)
        } finally {
            open.values.forEach { it.close() }
        }
    }

    /** What [ask] gives of a launch that is open; null: it is refused, which is told, and closed. */
    private fun <T : Any> MutableMap<String, Launch>.attempt(
        case: String,
        ask: (Launch) -> T,
    ): T? {
        val launch = this[case] ?: return null
        return refusing(case) { ask(launch) } ?: null.also { remove(case)?.close() }
    }

    private fun <T : Any> refusing(case: String, ask: () -> T): T? = try {
        ask()
    } catch (refusal: MobileViTException) {
        tell(refusedRecord(case, oneLine(refusal)))
        null
    }

    private fun warm(run: TimedRun): WarmUp = warmUp(
        minRuns = protocol.warmupMinRuns,
        minNs = ns(protocol.warmupMinS),
        capNs = ns(protocol.warmupCapS),
        agreement = protocol.warmupAgreement,
        run = run,
    )

    private fun round(number: Int, launch: Launch) =
        timedRound(number, protocol.roundMinRuns, protocol.roundMinS, launch)

    private fun window(number: Int, launch: Launch) =
        timedRound(number, minRuns = 1, protocol.sustainedWindowS, launch)

    private fun timedRound(number: Int, minRuns: Int, minS: Double, launch: Launch): TimedRound {
        val run = untilStopped(launch)
        return TimedRound(number, System.nanoTime(), timedRuns(minRuns, ns(minS), run))
    }

    private fun readSentinel() {
        val started = System.nanoTime()
        val samples = timedRuns(SENTINEL_RUNS, ns(protocol.sentinelMinS), sentinel)
        tell(sentinelRecord(SentinelReading(started, samples)))
    }

    private fun readState() = tell(stateRecord(System.nanoTime(), machine.state()))

    /** @param launch null: nobody can tell what memory it took. */
    private fun tellClosed(case: String, number: Int, launch: Launch?) =
        tell(closedRecord(case, number, launch?.peakMemory(machine)))

    private fun untilStopped(run: TimedRun) = TimedRun {
        goOn()
        run.takeNs()
    }

    private fun goOn() {
        stop()?.let { throw Stopped(it) }
    }
}

/** [rounds] spread over [launches] as evenly as can be; no launch without a round. */
internal fun shares(rounds: Int, launches: Int): List<Int> {
    val used = min(launches, rounds)
    return List(used) { rounds / used + if (it < rounds % used) 1 else 0 }
}

/** With its hint, as the Python runner has it. */
internal fun oneLine(error: MobileViTException): String {
    val whole = error.message + (error.hint?.let { " ($it)" } ?: "")
    return whole
        .lines()
        .map(String::trim)
        .filter(String::isNotEmpty)
        .joinToString(" ")
}

private fun ns(seconds: Double): Long = Math.round(seconds * 1e9)

private const val SENTINEL_RUNS = 3
