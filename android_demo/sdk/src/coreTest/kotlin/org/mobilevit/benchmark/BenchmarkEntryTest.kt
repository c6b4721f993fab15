package org.mobilevit.benchmark

import java.io.File
import java.nio.file.Files
import java.nio.file.Path
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Test
import org.mobilevit.InputException
import org.mobilevit.desktop.LinuxMachine
import org.mobilevit.json.write
import org.mobilevit.runtime.OnnxRuntime

class BenchmarkEntryTest {
    private val runs = Runs()
    private val records = File(runs.folder, "records/of/it")
    private val runtimes = listOf(OnnxRuntime())

    @After fun clean() = runs.close()

    @Test
    fun `runtimes are described with their delegates`() {
        val described = read(describeRuntimes(runtimes))
        assertEquals(setOf("onnxruntime"), described.fields.keys)
        assertTrue(describeRuntimes(runtimes), "\"cpu\"" in describeRuntimes(runtimes))
    }

    @Test
    fun `each record is in the file when it is reported`() {
        File(runs.folder, PLAN_FILE).writeText(writePlan(runs.plan(runs.case())).write())
        val file = File(records, RECORDS_FILE)
        val reported = mutableListOf<String>()
        runPlan(runs.folder, records, runtimes, LinuxMachine()) {
            reported += it
            assertEquals(reported.size, file.readText().count { c -> c == '\n' })
        }
        assertEquals(reported, file.readLines())
        assertEquals("ended", read(reported.last()).kind())
    }

    @Test
    fun `an older run's records are not kept`() {
        File(runs.folder, PLAN_FILE).writeText(writePlan(runs.plan(runs.case())).write())
        repeat(2) { runPlan(runs.folder, records, runtimes, LinuxMachine()) {} }
        assertEquals(1, File(records, RECORDS_FILE).readLines().count { "\"started\"" in it })
    }

    @Test
    fun `no plan, a damaged one, and no room for records are told`() {
        assertTrue(refused().message, refused().message.startsWith("cannot read `"))
        File(runs.folder, PLAN_FILE).writeText("{")
        assertTrue(
            refused().message,
            refused().message.startsWith("`plan.json` is not a benchmark plan"),
        )
        File(runs.folder, PLAN_FILE).writeText(writePlan(runs.plan(runs.case())).write())
        File(runs.folder, "records").writeText("in the way")
        assertTrue(refused().message, refused().message.startsWith("cannot write `"))
    }

    @Test
    fun `a disk that fills up ends the run in words`() {
        val full = Path.of("/dev/full")
        assumeTrue("no $full", Files.exists(full))
        File(runs.folder, PLAN_FILE).writeText(writePlan(runs.plan(runs.case())).write())
        records.mkdirs()
        Files.createSymbolicLink(File(records, RECORDS_FILE).toPath(), full)
        val message = refused().message
        assertTrue(message, message.startsWith("cannot write `"))
        assertTrue(message, message.endsWith("No space left on device"))
    }

    private fun refused() = assertThrows(InputException::class.java) {
        runPlan(runs.folder, records, runtimes, LinuxMachine()) {}
    }
}
