package org.mobilevit.benchmark

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.json.Json

class TimingTest {
    @Test
    fun `warm-up takes as many runs as Python's does of the same times`() {
        val ends = mutableSetOf<Boolean>()
        for (case in corpus.items("warm_ups").map { it as Json.Object }) {
            val times = case.longs("times")
            val warm =
                warmUp(
                    minRuns = case.long("min_runs").toInt(),
                    minNs = case.long("min_ns"),
                    capNs = case.long("cap_ns"),
                    agreement = case.double("agreement"),
                    run = taking(times),
                )
            val taken = case.long("taken").toInt()
            assertArrayEquals(times.copyOf(taken), warm.samplesNs)
            assertEquals(case.flag("capped"), warm.capped)
            ends += warm.capped
        }
        assertEquals(setOf(true, false), ends)
    }

    @Test
    fun `steady times need only the minimum`() {
        val warm = warmUp(15, 0, MS * 1000, 0.04) { MS }
        assertEquals(15, warm.samplesNs.size)
        assertFalse(warm.capped)
    }

    @Test
    fun `a single run may meet the cap`() {
        val warm = warmUp(15, 0, MS, 0.04) { 2 * MS }
        assertArrayEquals(longArrayOf(2 * MS), warm.samplesNs)
        assertTrue(warm.capped)
    }

    @Test
    fun `a round lasts for both minima`() {
        assertEquals(5, timedRuns(minRuns = 5, minNs = 0) { 7 }.size)
        assertEquals(10, timedRuns(minRuns = 5, minNs = 70) { 7 }.size)
        assertEquals(11, timedRuns(minRuns = 5, minNs = 71) { 7 }.size)
    }

    @Test
    fun `samples are kept in order past the first room for them`() {
        val times = LongArray(1000) { it + 1L }
        assertArrayEquals(times, timedRuns(minRuns = 1000, minNs = 0, taking(times)))
    }

    @Test
    fun `rounds are spread over launches`() {
        assertEquals(listOf(4, 4, 4, 4, 4), shares(20, 5))
        assertEquals(listOf(3, 2, 2), shares(7, 3))
        assertEquals(listOf(1, 1), shares(2, 5))
    }

    @Test
    fun `the sentinel takes the same order of time each time`() {
        val sentinel = Sentinel()
        repeat(50) { sentinel.takeNs() }
        val times = LongArray(21) { sentinel.takeNs() }.apply { sort() }
        assertTrue("${times[10]}", times[10] in 200_000L..200_000_000L)
    }

    private fun taking(times: LongArray): TimedRun {
        val rest = times.iterator()
        return TimedRun { rest.nextLong() }
    }

    private companion object {
        const val MS = 1_000_000L
    }
}
