package org.mobilevit.benchmark

import kotlin.math.abs
import kotlin.math.max
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.json.Json

class StatisticsTest {
    private val runs = corpus.items("runs").map { Run(it as Json.Object) }

    @Test
    fun `summaries are Python's`() {
        for (run in runs) {
            val own = summarize(run.rounds.flatMap { it.samplesNs.asList() })
            val python = run.expected.inner("summary")
            assertEquals(python.long("count").toInt(), own.count)
            assertSame(python.double("mean_ns"), own.meanNs)
            assertSame(python.double("p50_ns"), own.p50Ns)
            assertSame(python.double("p90_ns"), own.p90Ns)
            assertSame(python.double("p99_ns"), own.p99Ns)
            assertSame(python.double("cv"), own.cv)
            assertSame(python.double("mad_spread"), own.madSpread)
        }
    }

    @Test
    fun `throttling is Python's`() {
        for (run in runs) {
            val own = throttling(run.rounds)
            val python = run.expected.inner("throttling")
            assertSame(python.double("first_ns"), own.firstNs)
            assertSame(python.double("last_ns"), own.lastNs)
            assertSame(python.doubleOrNull("after_s"), own.afterS)
        }
        assertTrue(runs.any { throttling(it.rounds).afterS != null })
    }

    @Test
    fun `drift and pace of the sentinel are Python's`() {
        for (run in runs) {
            assertSame(run.expected.doubleOrNull("drift"), drift(run.sentinel))
            val pace = run.expected.items("pace").map { (it as Json.Number).toDouble() }
            val own = sentinelPace(run.sentinel)
            assertEquals(pace.size, own.size)
            pace.zip(own).forEach { (python, here) -> assertSame(python, here) }
        }
        assertTrue(runs.any { drift(it.sentinel) == null })
    }

    @Test
    fun `disturbed rounds are Python's`() {
        for (run in runs) {
            val python = run.expected.items("disturbed").map { (it as Json.Number).literal.toInt() }
            assertEquals(python.toSet(), disturbedRounds(run.rounds, run.sentinel))
        }
        assertTrue(runs.any { disturbedRounds(it.rounds, it.sentinel).isNotEmpty() })
    }

    @Test
    fun `one sample has no spread`() {
        val one = summarize(longArrayOf(5))
        assertEquals(Summary(1, 5.0, 5.0, 5.0, 5.0, cv = 0.0, madSpread = 0.0), one)
        assertNull(drift(emptyList()))
    }

    /** The control of all of these: another percentile, or another deviation, would be seen. */
    @Test
    fun `the corpus tells other rules apart`() {
        val samples = runs.map { run -> run.rounds.flatMap { it.samplesNs.asList() }.sorted() }
        val nearest = samples.map { it[(it.size - 1) / 2].toDouble() }
        assertNotEquals(runs.map { it.expected.inner("summary").double("p50_ns") }, nearest)
        val population =
            samples.count { all ->
                val own = summarize(all)
                val n = all.size.toDouble()
                n > 1 && abs(own.cv * Math.sqrt((n - 1) / n) - own.cv) > 1e-9 * own.cv
            }
        assertTrue("$population", population > 30)
    }

    private class Run(val expected: Json.Object) {
        val rounds =
            expected.items("rounds").map {
                val round = it as Json.Object
                TimedRound(
                    round.long("number").toInt(),
                    round.long("started_ns"),
                    round.longs("samples_ns"),
                )
            }
        val sentinel =
            expected.items("sentinel").map {
                val reading = it as Json.Object
                SentinelReading(reading.long("started_ns"), reading.longs("samples_ns"))
            }
    }

    private fun assertSame(python: Double?, here: Double?) {
        if (python == null || here == null) return assertEquals(python, here)
        // of equal samples a spread is rounding alone
        assertEquals(python, here, max(1e-9 * abs(python), 1e-13))
    }
}
