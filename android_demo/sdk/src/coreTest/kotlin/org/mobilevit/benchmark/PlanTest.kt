package org.mobilevit.benchmark

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.InputException
import org.mobilevit.json.write

class PlanTest {
    private val case =
        PlannedCase(
            id = "0",
            artifact = "artifacts/0/a.onnx",
            artifactSha256 = "0".repeat(64),
            runtime = "onnxruntime",
            delegate = "cpu",
            threads = 2,
            batch = 1,
            feeds = listOf(PlannedFeed("image", "float32", listOf(1, 3, 8, 8), "feeds/0/0.bin")),
        )
    private val plan =
        Plan(
            run = "0123456789ab",
            protocol = ProtocolSettings(rounds = 3, sustainedS = 60.0, seed = 7),
            cases = listOf(case, case.copy(id = "1", feeds = null)),
        )
    private val text = writePlan(plan).write()

    @Test
    fun `what is written is read`() {
        assertEquals(plan, readPlan(text))
    }

    @Test
    fun `a protocol that is left out is the usual one`() {
        val least = text.replace(Regex("\"protocol\":\\{[^}]*\\}"), "\"protocol\":{}")
        assertEquals(ProtocolSettings(), readPlan(least).protocol)
    }

    @Test
    fun `a newer plan is refused before all else`() {
        val newer = refused("""{"schema_version": 2, "runs": {}}""")
        assertEquals("`plan.json` has schema version 2, and this release reads 1", newer.message)
        refused(text.replace("\"schema_version\":1", "\"schema_version\":\"1\""))
    }

    @Test
    fun `no path leaves the folder`() {
        for (path in listOf(
            "../a.onnx",
            "/a.onnx",
            "a/../../b",
            "a//b",
            "a\\\\b",
            ".a",
            "a/",
            "",
        )) {
            val error = refused(text.replace("artifacts/0/a.onnx", path))
            assertTrue(error.message, error.message.startsWith(NOT + "cases.0.artifact: "))
            refused(text.replace("feeds/0/0.bin", path))
        }
    }

    @Test
    fun `what the schema does not have is refused`() {
        for ((from, to) in listOf(
            "\"run\":" to "\"more\":1,\"run\":",
            "\"threads\":2" to "\"threads\":0",
            "\"threads\":2" to "\"threads\":2.0",
            "\"threads\":2" to "\"threads\":\"2\"",
            "\"threads\":2" to "\"threads\":99999999999",
            "\"threads\":2," to "",
            "\"rounds\":3" to "\"rounds\":-3",
            "\"warmup_cap_s\":5.0" to "\"warmup_cap_s\":0",
            "\"warmup_cap_s\":5.0" to "\"warmup_cap_s\":1e999",
            "\"warmup_cap_s\":5.0" to "\"warmup_cap_s\":NaN",
            "\"sustained_s\":60.0" to "\"sustained_s\":-1",
            "\"seed\":7" to "\"seed\":-1",
            "\"float32\"" to "\"bfloat16\"",
            "\"shape\":[1," to "\"shape\":[0,",
            "0123456789ab" to "0123456789AB",
            "\"id\":\"1\"" to "\"id\":\"0\"",
            "\"id\":\"1\"" to "\"id\":\"12345\"",
            "\"feeds\":null," to "",
            "\"feeds\":null" to "\"feed\":null",
        )) {
            val changed = text.replaceFirst(from, to)
            if (changed == text) continue
            assertTrue(refused(changed).message, refused(changed).message.startsWith(NOT))
        }
        refused(text.dropLast(1))
        refused("[]")
        refused("""{"run": "0123456789ab", "protocol": {}, "cases": []}""")
    }

    private fun refused(text: String): InputException =
        assertThrows(text, InputException::class.java) {
            readPlan(text)
        }

    private companion object {
        const val NOT = "`plan.json` is not a benchmark plan: "
    }
}
