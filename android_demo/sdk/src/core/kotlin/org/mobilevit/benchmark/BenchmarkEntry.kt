package org.mobilevit.benchmark

import java.io.File
import java.io.IOException
import org.mobilevit.InputException
import org.mobilevit.json.jsonObject
import org.mobilevit.json.write
import org.mobilevit.runtime.InferenceRuntime

// What the host starts: on a phone by `am instrument`, on a desktop as a program. See "What a runner
// does" in docs/benchmarking.md.

/** What the device can time, as one line of JSON: runtimes, each with its delegates. */
fun describeRuntimes(runtimes: List<InferenceRuntime>): String =
    jsonObject(*runtimes.map { it.name to it.delegates }.toTypedArray()).write()

/**
 * Runs the plan in [folder]; each record is a line of `records.jsonl` in [records], which is made,
 * and is reported once it is written there.
 *
 * @throws InputException there is no plan, it cannot be read, or the records cannot be written.
 */
fun runPlan(
    folder: File,
    records: File,
    runtimes: List<InferenceRuntime>,
    machine: Machine,
    stop: () -> String? = { null },
    report: (String) -> Unit,
) {
    val plan = readPlan(textOf(File(folder, PLAN_FILE)))
    val file = File(records, RECORDS_FILE)
    writing(file) {
        records.mkdirs()
        file.bufferedWriter().use { kept ->
            conduct(plan, folder, runtimes, machine, stop) { record ->
                val line = record.write()
                kept.write(line + "\n")
                kept.flush()
                report(line)
            }
        }
    }
}

private fun textOf(file: File): String = try {
    file.readText()
} catch (error: IOException) {
    throw InputException("cannot read `${file.path}`: ${error.message}", cause = error)
}

private fun writing(file: File, block: () -> Unit) = try {
    block()
} catch (error: IOException) {
    throw InputException("cannot write `${file.path}`: ${error.message}", cause = error)
}
