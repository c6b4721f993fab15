@file:JvmName("BenchmarkMain")

package org.mobilevit.desktop

import java.io.File
import java.time.OffsetDateTime
import kotlin.system.exitProcess
import org.mobilevit.MobileViTException
import org.mobilevit.benchmark.PLAN_FILE
import org.mobilevit.benchmark.RECORDS_FILE
import org.mobilevit.benchmark.describeRuntimes
import org.mobilevit.benchmark.readPlan
import org.mobilevit.benchmark.result
import org.mobilevit.benchmark.runPlan
import org.mobilevit.bundle.Bundle
import org.mobilevit.json.Json
import org.mobilevit.json.parseJson
import org.mobilevit.json.write
import org.mobilevit.runtime.OnnxRuntime

private const val USAGE = """usage: PLAN_FOLDER RECORDS_FOLDER | --describe | --result BUNDLE PLAN_FOLDER RECORDS_FOLDER

PLAN_FOLDER RECORDS_FOLDER: runs the plan; prints each record, and appends it to records.jsonl.
--describe: prints what can be timed here, by runtime.
--result: prints the result of the records of such a run, with the names of the bundle."""

/** What a phone's benchmark entry point does, as a program: see "What a runner does". */
fun main(arguments: Array<String>) {
    try {
        when {
            arguments.contentEquals(arrayOf("--describe")) -> {
                println(describeRuntimes(runtimes()))
            }

            arguments.size == 2 -> {
                runPlan(File(arguments[0]), File(arguments[1]), runtimes(), LinuxMachine()) {
                    println(it)
                }
            }

            arguments.size == 4 && arguments[0] == "--result" -> {
                printResult(File(arguments[1]), File(arguments[2]), File(arguments[3]))
            }

            else -> {
                fail(USAGE)
            }
        }
    } catch (error: MobileViTException) {
        fail(error.message + error.hint?.let { " ($it)" }.orEmpty())
    }
}

private fun runtimes() = listOf(OnnxRuntime())

private fun printResult(bundle: File, folder: File, records: File) {
    val plan = readPlan(File(folder, PLAN_FILE).readText())
    val told =
        result(
            records =
                File(records, RECORDS_FILE)
                    .readLines()
                    .map { parseJson(it.toByteArray()) as Json.Object },
            plan = plan,
            manifest = Bundle(FolderBundle(bundle)).manifest,
            sizes = plan.cases.associate { it.id to File(folder, it.artifact).length() },
            created = OffsetDateTime.now().toString(),
        )
    println((told ?: fail("no round of any case was timed")).write())
}

private fun fail(message: String): Nothing {
    System.err.println(message)
    exitProcess(1)
}
