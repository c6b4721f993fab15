package org.mobilevit.benchmark

import java.io.File
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
 * Runs a plan by the protocol of `mobilevit_benchmarks/runner/conduct.py`.
 *
 * @param folder where the artifacts and feeds that the plan names lie.
 * @param stop asked between any two runs: a reason to end early, or null. What was recorded then
 *   stays; there is no `ended`.
 * @param tell is given each record as it comes.
 */
fun conduct(
    plan: Plan,
    folder: File,
    runtimes: List<InferenceRuntime>,
    machine: Machine,
    stop: () -> String?,
    tell: (Json.Object) -> Unit,
): Unit = TODO()
