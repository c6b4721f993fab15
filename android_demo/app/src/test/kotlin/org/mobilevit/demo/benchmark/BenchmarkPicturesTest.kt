package org.mobilevit.demo.benchmark

import android.view.View
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.mobilevit.demo.JvmApplication
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

/**
 * Draws the screen in each of its states, with samples that are made up; the one of a real run is
 * BenchmarkActivityTest's. What is checked: nothing that is to be touched is small, no text is cut.
 */
@RunWith(RobolectricTestRunner::class)
@Config(application = JvmApplication::class)
class BenchmarkPicturesTest {
    @Test
    @Config(qualifiers = "w411dp-h891dp-port-xhdpi")
    fun portrait() = drawAll("portrait")

    @Test
    @Config(qualifiers = "w891dp-h411dp-land-xhdpi")
    fun landscape() = drawAll("landscape")

    @Test
    @Config(qualifiers = "w411dp-h891dp-port-night-xhdpi")
    fun night() = drawAll("night")

    @Test
    @Config(qualifiers = "w411dp-h891dp-port-xhdpi")
    fun `large letters`() {
        RuntimeEnvironment.setFontScale(LARGE)
        drawAll("large")
    }

    @Test
    @Config(qualifiers = "w320dp-h480dp-small-port-hdpi")
    fun `small phone`() = drawAll("small")

    @Test
    @Config(qualifiers = "ar-ldrtl-w411dp-h891dp-port-xhdpi")
    fun `right to left`() = drawAll("rtl")

    private fun drawAll(look: String) {
        val screen = BenchmarkScreen()
        screen.awaitState(RunState.Ready::class.java)
        val ready = screen.runs.state as RunState.Ready
        screen.activity.show(ready)
        screen.drawChecked("idle-$look")

        val choice = requireNotNull(screen.runs.choice)
        val spoiled = setOf(Condition.DEBUGGABLE, Condition.CHARGING)
        val full = choice.copy(mode = Mode.FULL)
        val records = sampleRecords(Mode.FULL, disturbed = setOf(5, 13))
        screen.activity.show(RunState.Running(full, spoiled, trace(records.take(42))))
        screen.drawChecked("running-$look")

        screen.activity.show(finished(full, emptySet(), null, trace(sampleRecords(Mode.FULL))))
        screen.drawChecked("finished-$look")

        val sustained = full.copy(mode = Mode.SUSTAINED)
        screen.activity.show(
            finished(sustained, emptySet(), null, trace(sampleRecords(Mode.SUSTAINED))),
        )
        screen.drawChecked("sustained-$look")

        screen.activity.show(
            finished(full, spoiled, StopReason.BACKGROUND, trace(records.take(42))),
        )
        screen.drawChecked("stopped-$look")

        val reason = "LiteRT does not open it with `nnapi`: ANEURALNETWORKS_BAD_DATA"
        screen.activity.show(
            RunState.Failed(full.copy(delegate = "nnapi"), Failure.Refused(reason)),
        )
        screen.drawChecked("refused-$look")
    }

    private fun finished(choice: Choice, spoiled: Set<Condition>, stop: StopReason?, trace: Trace) =
        RunState.Finished(
            choice = choice,
            conditions = spoiled,
            trace = trace,
            figures = requireNotNull(figures(trace, choice.mode)),
            stopped = stop,
            created = "2026-11-23T02:16:00Z",
            json = "{}",
        )

    private fun BenchmarkScreen.drawChecked(name: String) {
        draw(name)
        val density = activity.resources.displayMetrics.density
        val views = BenchmarkScreen.shown(activity.window.decorView)
        val small = views.filter { it.isClickable && it.isEnabled && it.visibility == View.VISIBLE }
            .filter { it.height < TOUCH_DP * density || it.width < TOUCH_DP * density }
        assertEquals(emptyList<View>(), small)
        val cut = views.filterIsInstance<android.widget.TextView>().filter { text ->
            val layout = text.layout ?: return@filter false
            (0 until layout.lineCount).any { layout.getEllipsisCount(it) > 0 } ||
                layout.height >
                text.height - text.compoundPaddingTop - text.compoundPaddingBottom + 1
        }
        assertEquals(emptyList<View>(), cut)
    }

    private companion object {
        const val LARGE = 2.0f
        const val TOUCH_DP = 47.5f // 48, less what is lost in rounding
    }
}
