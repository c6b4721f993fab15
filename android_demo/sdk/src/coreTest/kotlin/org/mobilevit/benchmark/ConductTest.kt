package org.mobilevit.benchmark

import java.io.File
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.json.Json
import org.mobilevit.runtime.OnnxRuntime

/** Plans that the real ONNX Runtime runs. */
class ConductTest {
    private val runs = Runs()

    @After fun clean() = runs.close()

    @Test
    fun `records come in the order of the protocol`() {
        val told = runs.records(runs.plan(runs.case(), protocol = SHORT.copy(launches = 1)))
        assertEquals(
            listOf("started", "state", "opened", "warmed_up", "sentinel") +
                List(3) { listOf("round", "sentinel") }.flatten() +
                listOf("closed", "state", "ended"),
            told.map { it.kind() },
        )
        assertEquals("0123456789ab", told.first().text("run"))
        assertTrue(told.filter { it.kind() == "round" }.all { it.longs("samples_ns").size == 2 })
        val times = told.mapNotNull { (it["started_ns"] ?: it["at_ns"]) as? Json.Number }
        assertEquals(times.map { it.toDouble() }.sorted(), times.map { it.toDouble() })
    }

    @Test
    fun `rounds interleave the cases of every launch in an order that is drawn`() {
        val cases = List(3) { runs.case(id = "$it") }
        val told =
            runs.records(
                runs.plan(*cases.toTypedArray(), protocol = SHORT.copy(launches = 2, rounds = 12)),
            )
        val rounds = told.filter { it.kind() == "round" }
        val orders = rounds.groupBy {
            it.long("round")
        }.map { (_, of) -> of.map { it.text("case") } }
        assertEquals(12, orders.size)
        assertTrue(orders.all { it.toSet() == setOf("0", "1", "2") })
        assertTrue("$orders", orders.toSet().size > 2)
        assertEquals(
            List(6) {
                0L
            } + List(6) { 1L },
            rounds.map { it.long("launch") }.chunked(3) { it.toSet().single() },
        )
        assertEquals(
            List(2) {
                3
            },
            told.filter {
                it.kind() == "opened"
            }.groupBy { it.long("launch") }.map { it.value.size },
        )
        // one before the first round of a launch, and one after each
        assertEquals(36 + 2, told.count { it.kind() == "sentinel" })
    }

    @Test
    fun `what is refused does not stop the others`() {
        val torn = File(runs.folder, "torn.onnx")
        torn.writeBytes(runs.artifact.readBytes().let { it.copyOf(it.size - 100) })
        val told =
            runs.records(
                runs.plan(
                    runs.case("0", torn),
                    runs.case("1").copy(artifactSha256 = "0".repeat(64)),
                    runs.case("2").copy(runtime = "litert"),
                    runs.case("3").copy(delegate = "gpu"),
                    runs.case("4").copy(batch = 2),
                    runs.case("5").copy(artifact = "missing.onnx"),
                    runs.case("6"),
                ),
            )
        val reasons = told.filter { it.kind() == "refused" }.associate {
            it.text("case") to
                it.text("reason")
        }
        assertEquals(listOf("0", "1", "2", "3", "4", "5"), reasons.keys.toList())
        assertTrue(reasons.values.none { "\n" in it })
        assertTrue(
            reasons.getValue("1"),
            reasons.getValue("1").startsWith("`artifact.onnx` is not the file that was planned"),
        )
        assertEquals("this device has no runtime `litert`", reasons["2"])
        assertTrue(reasons.getValue("3"), "gpu" in reasons.getValue("3"))
        assertTrue(reasons.getValue("4"), reasons.getValue("4").startsWith("the batch of input `"))
        assertTrue(reasons.getValue("4"), reasons.getValue("4").endsWith("is fixed, and not 2"))
        assertTrue(reasons.getValue("5"), reasons.getValue("5").startsWith("cannot read"))
        assertEquals(
            setOf("6"),
            told.filter {
                it.kind() == "round"
            }.map { it.text("case") }.toSet(),
        )
        assertEquals("ended", told.last().kind())
    }

    @Test
    fun `a runtime that fails in a round loses its case and nothing else`() {
        val failing = Failing(OnnxRuntime(), runs = 8)
        val told = runs.records(
            runs.plan(runs.case(), protocol = SHORT.copy(rounds = 100, launches = 1)),
            failing,
        )
        assertEquals(
            "it fell over (pick it up)",
            told.single {
                it.kind() == "refused"
            }.text("reason"),
        )
        assertTrue(told.any { it.kind() == "round" })
        assertEquals("ended", told.last().kind())
        assertEquals(0, failing.open)
    }

    @Test
    fun `a run that is stopped keeps what it told`() {
        val runtime = Failing(OnnxRuntime())
        val plan = runs.plan(runs.case(), protocol = SHORT.copy(rounds = 10_000))
        var asked = 0
        val told =
            runs.records(plan, runtime) { so ->
                asked++
                "enough".takeIf { so.count { it.kind() == "round" } == 2 }
            }
        assertEquals(2, told.count { it.kind() == "round" })
        assertTrue("$asked", asked > 10)
        assertTrue(told.none { it.kind() == "ended" })
        assertEquals(0, runtime.open)
        val reason = conduct(plan, runs.folder, listOf(runtime), Untold, { "at once" }) {}
        assertEquals("at once", reason)
    }

    @Test
    fun `sustained mode reads the state after every window`() {
        val protocol = SHORT.copy(sustainedS = 1.0, sustainedWindowS = 0.02)
        val told = runs.records(runs.plan(runs.case("0"), runs.case("1"), protocol = protocol))
        for (case in listOf("0", "1")) {
            val windows = told.filter { it.kind() == "round" && it.text("case") == case }
                .map(::timedRound)
            assertTrue("${windows.size}", windows.size in 2..50)
            assertEquals(windows.indices.toList(), windows.map { it.number })
            assertTrue(windows.all { it.samplesNs.sum() >= 20_000_000 })
        }
        told.forEachIndexed { i, record ->
            if (record.kind() == "round") assertEquals("state", told[i + 1].kind())
        }
        assertEquals(4, told.filter { it.kind() == "sentinel" }.map(::sentinelReading).size)
        assertEquals("ended", told.last().kind())
    }

    @Test
    fun `memory is told where it is of one case`() {
        // on machines of its own: the peak of this test's process may be another test's
        fun memory(plan: Plan): List<Long?> {
            val told = mutableListOf<Json.Object>()
            conduct(plan, runs.folder, listOf(OnnxRuntime()), Growing(), { null }) { told += it }
            return told.filter {
                it.kind() == "closed"
            }.map { (it["memory_rise_bytes"] as? Json.Number)?.literal?.toLong() }
        }
        val (first, second) = memory(runs.plan(runs.case()))
        assertTrue("$first", first != null && first > 0)
        assertNull(second)
        assertEquals(List(4) { null }, memory(runs.plan(runs.case("0"), runs.case("1"))))
    }

    @Test
    fun `a machine that tells no memory is no error`() {
        val told = mutableListOf<Json.Object>()
        conduct(runs.plan(runs.case()), runs.folder, listOf(OnnxRuntime()), Untold, { null }) {
            told +=
                it
        }
        assertTrue(
            told.filter {
                it.kind() == "closed"
            }.all { it["peak_memory_bytes"] == Json.Null },
        )
    }

    /** Its peak is higher each time that it is asked. */
    private class Growing : Machine by Untold {
        private var peak = 1L shl 30

        override fun peakMemory(): Long = peak.also { peak += 1 shl 20 }

        override fun residentMemory(): Long = 1L shl 29
    }

    private object Untold : Machine {
        override fun describe() = Json.Object(emptyMap())

        override fun state() = Json.Object(emptyMap())

        override fun peakMemory(): Long? = null

        override fun residentMemory(): Long? = null
    }
}
