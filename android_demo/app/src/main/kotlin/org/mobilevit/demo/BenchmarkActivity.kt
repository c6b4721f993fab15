package org.mobilevit.demo

import android.app.Activity
import android.content.ClipData
import android.content.ComponentCallbacks2
import android.content.Intent
import android.os.Build
import android.os.Bundle
import android.view.View
import android.view.WindowManager
import android.widget.ScrollView
import java.io.Closeable
import java.io.File
import org.mobilevit.demo.benchmark.BenchmarkHost
import org.mobilevit.demo.benchmark.BenchmarkRuns
import org.mobilevit.demo.benchmark.Export
import org.mobilevit.demo.benchmark.MessagePanel
import org.mobilevit.demo.benchmark.OutcomePanel
import org.mobilevit.demo.benchmark.ResultProvider
import org.mobilevit.demo.benchmark.RunState
import org.mobilevit.demo.benchmark.RunningPanel
import org.mobilevit.demo.benchmark.SetupPanel
import org.mobilevit.demo.benchmark.StopReason
import org.mobilevit.demo.benchmark.conditions

/**
 * Measures an artifact of the bundle on this phone, by the protocol of `mobilevit benchmark`.
 *
 * A run goes on when the phone is turned, and ends when the screen is left.
 */
class BenchmarkActivity : Activity() {
    private val runs: BenchmarkRuns get() = (application as BenchmarkHost).benchmarkRuns
    private val setup by lazy { SetupPanel(findViewById(R.id.benchmark_setup), runs) }
    private val running by lazy {
        RunningPanel(findViewById(R.id.benchmark_running)) { runs.stop(StopReason.PERSON) }
    }
    private val outcome by lazy {
        OutcomePanel(findViewById(R.id.benchmark_outcome), ::share) { runs.clear() }
    }
    private val message by lazy {
        MessagePanel(findViewById(R.id.benchmark_message)) { runs.clear() }
    }
    private var listening: Closeable? = null
    private var shownPanel: Int? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        drawBehindBars()
        setContentView(R.layout.benchmark)
        findViewById<View>(R.id.root).padByBars(bottom = false)
        findViewById<View>(R.id.benchmark_scroll)
            .padByBars(left = false, top = false, right = false)
        showToolbar(getString(R.string.benchmark_title))
    }

    override fun onStart() {
        super.onStart()
        listening = runs.listen(::show)
    }

    override fun onStop() {
        super.onStop()
        listening?.close()
        if (!isChangingConfigurations) {
            runs.stop(if (isFinishing) StopReason.LEFT else StopReason.BACKGROUND)
        }
    }

    @Suppress("DEPRECATION") // Android 14 tells no app of it any more; those before do
    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        if (level == ComponentCallbacks2.TRIM_MEMORY_RUNNING_CRITICAL) runs.stop(StopReason.MEMORY)
    }

    @Suppress("OVERRIDE_DEPRECATION") // as above
    override fun onLowMemory() {
        @Suppress("DEPRECATION")
        super.onLowMemory()
        runs.stop(StopReason.MEMORY)
    }

    internal fun show(state: RunState) {
        keepScreenOn(state is RunState.Running)
        when (state) {
            is RunState.Opening -> showOnly(R.id.benchmark_opening)

            is RunState.Ready -> {
                showOnly(R.id.benchmark_setup)
                setup.show(state, conditions(this))
            }

            is RunState.Running -> {
                showOnly(R.id.benchmark_running)
                running.show(state)
            }

            is RunState.Finished -> {
                showOnly(R.id.benchmark_outcome)
                outcome.show(state)
            }

            is RunState.Failed -> {
                showOnly(R.id.benchmark_message)
                message.show(state)
            }

            is RunState.Unavailable -> {
                showOnly(R.id.benchmark_message)
                message.show(state)
            }
        }
    }

    private fun showOnly(panel: Int) {
        if (panel == shownPanel) return
        shownPanel = panel
        for (id in PANELS) {
            findViewById<View>(id).visibility = if (id == panel) View.VISIBLE else View.GONE
        }
        findViewById<ScrollView>(R.id.benchmark_scroll).scrollTo(0, 0)
    }

    private fun keepScreenOn(on: Boolean) {
        val flag = WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON
        if (on) window.addFlags(flag) else window.clearFlags(flag)
    }

    private fun share(finished: RunState.Finished) {
        runs.export(finished) { export ->
            if (isDestroyed) return@export
            when (export) {
                is Export.Failed -> outcome.shared(export.message)

                is Export.Written -> {
                    outcome.shared(null)
                    send(export.file, finished.choice.offer.artifact.file)
                }
            }
        }
    }

    private fun send(file: File, artifact: String) {
        val address = ResultProvider.uri(this, file)
        val send = Intent(Intent.ACTION_SEND)
            .setType(ResultProvider.TYPE)
            .putExtra(Intent.EXTRA_STREAM, address)
            .putExtra(
                Intent.EXTRA_SUBJECT,
                getString(R.string.benchmark_share_subject, artifact, Build.MODEL),
            )
            .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
        send.clipData = ClipData.newRawUri(file.name, address)
        startActivity(Intent.createChooser(send, null))
    }

    private companion object {
        val PANELS = listOf(
            R.id.benchmark_opening,
            R.id.benchmark_setup,
            R.id.benchmark_running,
            R.id.benchmark_outcome,
            R.id.benchmark_message,
        )
    }
}
