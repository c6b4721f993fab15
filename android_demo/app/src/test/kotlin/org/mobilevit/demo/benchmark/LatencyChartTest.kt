package org.mobilevit.demo.benchmark

import android.graphics.Bitmap
import android.graphics.Canvas
import android.view.View
import java.util.Locale
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(application = BenchmarkApplication::class)
class LatencyChartTest {
    private val context = RuntimeEnvironment.getApplication()
    private val records = sampleRecords(Mode.FULL, disturbed = setOf(5))
    private val trace = trace(records)

    @Test
    fun `ticks are round numbers that hold the range`() {
        for ((low, high) in listOf(
            0.0 to 1.0,
            2.87 to 3.14,
            10.9 to 14.3,
            0.012 to 0.019,
            95.0 to 460.0,
        )) {
            val axis = axis(low, high, 4)
            assertTrue("$axis", axis.low <= low + 1e-9 && axis.high >= high - 1e-9)
            assertTrue("$axis", axis.ticks.size in 3..7)
            val digits = axis.label(axis.step, Locale.US).trim('0', '.').last()
            assertTrue("$axis", digits in "125")
            assertEquals(axis.ticks.size, axis.ticks.map { axis.label(it, Locale.US) }.toSet().size)
        }
    }

    @Test
    fun `runs keep their order and their place, and a stretch its kind`() {
        // the reading after round 5 is the one before round 6
        val model = ChartModel(trace, trace.disturbed(Mode.FULL))
        val runs = trace.launches.sumOf { launch ->
            launch.warmUpNs.size + launch.rounds.sumOf { it.samplesNs.size }
        }
        assertEquals(runs, model.endS.size)
        assertTrue((1 until runs).all { model.endS[it] > model.endS[it - 1] })
        assertEquals(5, model.bands.count { it.kind == Band.Kind.WARM_UP })
        assertEquals(
            listOf(5, 6),
            model.bands.filter { it.kind != Band.Kind.WARM_UP }
                .mapIndexedNotNull { i, band -> i.takeIf { band.kind == Band.Kind.DISTURBED } },
        )
        assertEquals(model.totalS, model.bands.last().toS, 1e-9)
    }

    @Test
    fun `runs that are far slower are counted, and do not flatten the others`() {
        val model = ChartModel(trace, emptySet())
        val axis = requireNotNull(model.axis)
        val slowest = model.latencyMs.max()
        assertTrue("$axis, $slowest", axis.high < slowest)
        assertEquals(trace.samplesNs.count { it / 1e6 > axis.high }, model.above)
        assertTrue(trace.rounds.all { round -> round.samplesNs.sorted()[5] / 1e6 <= axis.high })
    }

    @Test
    fun `a disturbed round is seen without its colour`() {
        fun drawn(disturbed: Set<Int>): Set<Pair<Int, Int>> {
            val chart = LatencyChart(context).apply { show(ChartModel(trace, disturbed)) }
            chart.measure(exactly(WIDTH), exactly(HEIGHT))
            chart.layout(0, 0, WIDTH, HEIGHT)
            val bitmap = Bitmap.createBitmap(WIDTH, HEIGHT, Bitmap.Config.ARGB_8888)
            chart.draw(Canvas(bitmap))
            return (0 until MARKS).flatMap { y -> (0 until WIDTH).map { it to y } }
                .filterTo(mutableSetOf()) { (x, y) -> bitmap.getPixel(x, y) ushr 24 > 127 }
        }
        // above the plot there is nothing but the unit; then the mark too
        assertTrue((drawn(setOf(5)) - drawn(emptySet())).size > 15)
    }

    @Test
    fun `what the chart shows is said in words`() {
        val said = context.resources.describeChart(trace, disturbed = 1)
        assertTrue(said, "200 runs in 20 rounds" in said)
        assertTrue(
            said,
            Regex(
                "median 11\\.\\d milliseconds, nine of ten within 1[12]\\.\\d",
            ).containsMatchIn(said),
        )
        assertTrue(said, "120 runs before them are shaded as warm-up." in said)
        assertTrue(said, "1 round is marked as disturbed." in said)
        assertFalse("disturbed" in context.resources.describeChart(trace, disturbed = 0))
    }

    private fun exactly(size: Int) =
        View.MeasureSpec.makeMeasureSpec(size, View.MeasureSpec.EXACTLY)

    private companion object {
        const val WIDTH = 400
        const val HEIGHT = 240
        const val MARKS = 22
    }
}
