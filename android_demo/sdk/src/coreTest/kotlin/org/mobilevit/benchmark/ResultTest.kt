package org.mobilevit.benchmark

import java.io.File
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test
import org.mobilevit.bundle.Bundle
import org.mobilevit.desktop.FolderBundle
import org.mobilevit.json.Json

/** That `mobilevit report` reads it is shown from Python, in tests/android. */
class ResultTest {
    private val runs = Runs()
    private val bundle = File(requireNotNull(System.getProperty("mobilevit.bundle")))
    private val manifest = Bundle(FolderBundle(bundle)).manifest

    @After fun clean() = runs.close()

    @Test
    fun `a result has the launches that came to a round`() {
        val plan = runs.plan(runs.case("0"), runs.case("1").copy(runtime = "litert"))
        val whole = requireNotNull(result(plan, runs.records(plan)))
        val measured = whole.items("measurements").single() as Json.Object
        val record = manifest.artifacts.first { it.format == "onnx" && it.precision == "fp32" }
        assertEquals("onnx fp32", measured.text("name"))
        assertEquals(record.file.substringAfterLast('/'), measured.text("artifact"))
        assertEquals(manifest.model, measured.inner("model").text("name"))
        assertEquals(runs.artifact.length(), measured.long("artifact_bytes"))
        assertEquals(2, measured.items("launches").size)
        assertEquals(Json.Null, whole["stopped"])
        val refused = whole.items("not_timed").single() as Json.Object
        assertEquals("litert (cpu): this device has no runtime `litert`", refused.text("reason"))
    }

    @Test
    fun `a run that was stopped says so, and leaves out a launch without a round`() {
        val plan = runs.plan(runs.case(), protocol = SHORT.copy(launches = 2, rounds = 2))
        val told = runs.records(plan)
        val second = told.indexOfLast { it.kind() == "opened" }
        val cut = requireNotNull(result(plan, told.take(second + 1), "sent to the background"))
        assertEquals("sent to the background", cut.text("stopped"))
        assertEquals(1, (cut.items("measurements").single() as Json.Object).items("launches").size)
    }

    @Test
    fun `without a round there is no result`() {
        val plan = runs.plan(runs.case())
        val told = runs.records(plan)
        assertNull(result(plan, told.take(told.indexOfFirst { it.kind() == "round" }), "stopped"))
        assertNull(result(plan, emptyList(), "stopped"))
    }

    private fun result(plan: Plan, records: List<Json.Object>, stopped: String? = null) = result(
        records,
        plan,
        manifest,
        sizes = plan.cases.associate { it.id to runs.artifact.length() },
        created = "2026-11-23T02:30:00+00:00",
        stopped = stopped,
    )
}
