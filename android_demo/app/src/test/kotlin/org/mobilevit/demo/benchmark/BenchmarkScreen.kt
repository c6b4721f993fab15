package org.mobilevit.demo.benchmark

import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Canvas
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.ScrollView
import android.widget.Spinner
import android.widget.TextView
import java.io.File
import org.mobilevit.demo.BenchmarkActivity
import org.mobilevit.demo.R
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController

/** The benchmark screen, opened, as a person has it before them. */
internal class BenchmarkScreen {
    val controller: ActivityController<BenchmarkActivity> =
        Robolectric.buildActivity(BenchmarkActivity::class.java).setup().visible()
    val activity: BenchmarkActivity get() = controller.get()
    val runs: BenchmarkRuns get() = (activity.application as BenchmarkHost).benchmarkRuns

    /** All that is to be read, a line for each view. */
    val text: String get() = shown(activity.window.decorView)
        .filterIsInstance<TextView>().map { it.text.toString() }.filter { it.isNotEmpty() }
        .joinToString("\n")

    /** Waits, while the main thread does what it is asked to. */
    fun await(what: String, condition: () -> Boolean) {
        val end = System.nanoTime() + PATIENCE_NS
        while (true) {
            shadowOf(Looper.getMainLooper()).idle()
            if (condition()) return
            if (System.nanoTime() > end) throw AssertionError("no $what; the screen says:\n$text")
            Thread.sleep(5)
        }
    }

    fun awaitText(part: String) = await("“$part”") { part in text }

    fun awaitState(state: Class<out RunState>) = await(state.simpleName) {
        state.isInstance(runs.state)
    }

    /** Waits for the first round of the run under way. */
    fun awaitRound() = await("round") {
        (runs.state as? RunState.Running)?.trace?.rounds.orEmpty().isNotEmpty()
    }

    fun click(id: Int) {
        val view = activity.findViewById<View>(id)
        check(view.isShown && view.isEnabled) { "nobody can touch it" }
        view.performClick()
        shadowOf(Looper.getMainLooper()).idle()
    }

    fun choose(spinner: Int, part: String) {
        val view = activity.findViewById<Spinner>(spinner)
        val items = (0 until view.count).map { view.getItemAtPosition(it).toString() }
        view.setSelection(items.indexOfFirst { part in it }.also { check(it >= 0) { items } })
        layOut()
        shadowOf(Looper.getMainLooper()).idle()
    }

    fun start(mode: Int = R.id.benchmark_quick) {
        awaitState(RunState.Ready::class.java)
        click(mode)
        click(R.id.benchmark_start)
    }

    /** The intent that a share asks the phone to send. */
    fun sent(): Intent {
        await("share") { shadowOf(activity).peekNextStartedActivity() != null }
        val chooser = shadowOf(activity).nextStartedActivity
        return requireNotNull(chooser.getParcelableExtra(Intent.EXTRA_INTENT, Intent::class.java))
    }

    /** Draws the whole screen, and below it what would have to be scrolled to. */
    fun draw(name: String, whole: Boolean = true) {
        shadowOf(Looper.getMainLooper()).idle()
        val decor = activity.window.decorView
        val width = decor.width
        var height = decor.height
        if (whole) {
            val scroll = activity.findViewById<ScrollView>(R.id.benchmark_scroll)
            val content = scroll.getChildAt(0).height + scroll.paddingBottom
            height = maxOf(height, scroll.top + content)
            layOut(width, height)
        }
        val bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
        decor.draw(Canvas(bitmap))
        val file = File(output("screens"), "benchmark-$name.png")
        file.outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
    }

    private fun layOut(
        width: Int = activity.window.decorView.width,
        height: Int = activity.window.decorView.height,
    ) {
        val decor = activity.window.decorView
        decor.measure(
            View.MeasureSpec.makeMeasureSpec(width, View.MeasureSpec.EXACTLY),
            View.MeasureSpec.makeMeasureSpec(height, View.MeasureSpec.EXACTLY),
        )
        decor.layout(0, 0, width, height)
    }

    companion object {
        private const val PATIENCE_NS = 120_000_000_000

        fun shown(view: View): List<View> = when {
            view.visibility != View.VISIBLE -> emptyList()

            view is ViewGroup -> listOf(view) + (0 until view.childCount).flatMap {
                shown(view.getChildAt(it))
            }

            else -> listOf(view)
        }

        /** A folder in the build's. */
        fun output(name: String): File =
            File(File(System.getProperty("mobilevit.out").orEmpty()).parentFile, name)
                .apply { mkdirs() }
    }
}
