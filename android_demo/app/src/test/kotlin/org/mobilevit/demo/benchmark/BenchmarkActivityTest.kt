package org.mobilevit.demo.benchmark

import android.content.Intent
import android.content.pm.ActivityInfo
import android.net.Uri
import android.view.WindowManager
import android.widget.TextView
import java.io.File
import java.nio.file.Files
import java.nio.file.Paths
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.mobilevit.demo.R
import org.mobilevit.json.jsonObject
import org.mobilevit.json.write
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

private const val PORTRAIT = "w411dp-h731dp-port-xhdpi"

/** What a person sees of runs on real runtimes, in the app's activity. */
@RunWith(RobolectricTestRunner::class)
@Config(application = BenchmarkApplication::class, qualifiers = PORTRAIT)
class BenchmarkActivityTest {
    private val screen = BenchmarkScreen()

    @Test
    fun `measures a real artifact, and shares what it shows`() {
        screen.start()
        screen.awaitState(RunState.Running::class.java)
        assertTrue(screen.activity.window.attributes.flags and KEEP_ON != 0)
        screen.awaitState(RunState.Finished::class.java)
        assertEquals(0, screen.activity.window.attributes.flags and KEEP_ON)

        val finished = screen.runs.state as RunState.Finished
        assertNull(finished.stopped)
        val figures = finished.figures
        assertEquals(6, figures.rounds)
        assertEquals(2, finished.trace.launches.size)
        val p50 = screen.activity.findViewById<TextView>(R.id.benchmark_p50).text.toString()
        assertEquals(milliseconds(figures.summary.p50Ns / 1e6, java.util.Locale.US) + " ms", p50)
        assertTrue("CPUExecutionProvider" in screen.text)
        val chart = screen.activity.findViewById<LatencyChart>(R.id.benchmark_latency)
        assertNotNull(chart)
        screen.draw("finished-real")

        screen.click(R.id.benchmark_share)
        val sent = screen.sent()
        assertEquals(Intent.ACTION_SEND, sent.action)
        assertEquals("application/json", sent.type)
        assertTrue(sent.flags and Intent.FLAG_GRANT_READ_URI_PERMISSION != 0)
        val address =
            requireNotNull(sent.getParcelableExtra(Intent.EXTRA_STREAM, Uri::class.java))
        val name = address.lastPathSegment.orEmpty()
        assertTrue(name, Regex("mobilevit-benchmark-[a-z0-9-]+-\\d{8}-\\d{6}\\.json").matches(name))
        val shared = requireNotNull(screen.activity.contentResolver.openInputStream(address))
            .use { it.readBytes() }
        assertEquals(finished.json, shared.decodeToString())
        File(BenchmarkScreen.output("benchmark"), "app-result.json").writeBytes(shared)
        val seen = jsonObject(
            "p50" to p50,
            "p50_ns" to figures.summary.p50Ns,
            "p90_ns" to figures.summary.p90Ns,
            "p99_ns" to figures.summary.p99Ns,
            "mean_ns" to figures.summary.meanNs,
            "cv" to figures.summary.cv,
            "mad_spread" to figures.summary.madSpread,
            "load_ns" to figures.loadNs,
            "first_run_ns" to figures.firstRunNs,
            "disturbed" to figures.disturbed.sorted(),
        )
        File(BenchmarkScreen.output("benchmark"), "app-screen.json").writeText(seen.write())
    }

    @Test
    fun `measures with TensorFlow Lite, on the delegate and threads that were chosen`() {
        screen.awaitState(RunState.Ready::class.java)
        screen.choose(R.id.benchmark_offer, "fp32.tflite")
        screen.choose(R.id.benchmark_delegate, "builtin")
        screen.choose(R.id.benchmark_threads, "1 thread")
        screen.start()
        screen.awaitState(RunState.Finished::class.java)
        val json = (screen.runs.state as RunState.Finished).json
        assertTrue(json, "\"runtime\":\"litert\"" in json)
        assertTrue(json, "\"delegate\":\"builtin\"" in json)
        assertTrue(json, "\"threads\":1" in json)
        screen.click(R.id.benchmark_again)
        screen.awaitText("Model and runtime")
    }

    @Test
    fun `a run goes on while the phone is turned`() {
        screen.start(R.id.benchmark_sustained)
        screen.awaitRound()
        val before = (screen.runs.state as RunState.Running).trace.rounds.size
        screen.activity.requestedOrientation = ActivityInfo.SCREEN_ORIENTATION_LANDSCAPE
        val turned = screen.activity.resources.configuration.apply {
            orientation = android.content.res.Configuration.ORIENTATION_LANDSCAPE
        }
        val first = screen.activity
        screen.controller.configurationChange(android.content.res.Configuration(turned))
        screen.controller.recreate()
        assertTrue("the activity is another one", first !== screen.activity)
        assertTrue(screen.runs.state is RunState.Running)
        screen.await("next round") {
            ((screen.runs.state as? RunState.Running)?.trace?.rounds?.size ?: 0) > before
        }
        screen.awaitText("Measuring")
        screen.click(R.id.benchmark_stop)
        screen.awaitText("You stopped the run.")
    }

    @Test
    fun `the stop button ends a run and keeps what was measured, and the result says so`() {
        screen.start(R.id.benchmark_sustained)
        screen.awaitRound()
        screen.click(R.id.benchmark_stop)
        screen.awaitState(RunState.Finished::class.java)
        screen.awaitText("You stopped the run. These figures are of what was measured until then.")
        val finished = screen.runs.state as RunState.Finished
        assertTrue("\"stopped\":\"${StopReason.PERSON.text}\"" in finished.json)
    }

    @Test
    fun `a run that is stopped before its first round shows no figure`() {
        screen.start(R.id.benchmark_full)
        screen.click(R.id.benchmark_stop)
        screen.awaitText("You stopped the run. No round was finished, so there is nothing to show.")
        assertFalse(R.id.benchmark_share in visibleIds())
        screen.click(R.id.benchmark_message_back)
        screen.awaitText("Model and runtime")
    }

    @Test
    fun `an app in the background measures nothing, and says so when it is back`() {
        screen.start(R.id.benchmark_sustained)
        screen.awaitRound()
        screen.controller.pause().stop()
        screen.awaitState(RunState.Finished::class.java)
        screen.controller.restart().start().resume()
        screen.awaitText("The app went to the background, where phones slow apps down.")
        assertTrue(StopReason.BACKGROUND.text in (screen.runs.state as RunState.Finished).json)
    }

    @Test
    fun `leaving the screen ends the run`() {
        screen.start(R.id.benchmark_sustained)
        screen.awaitRound()
        screen.click(R.id.back)
        screen.controller.pause().stop().destroy()
        screen.awaitState(RunState.Finished::class.java)
        assertEquals(StopReason.LEFT, (screen.runs.state as RunState.Finished).stopped)
    }

    @Test
    fun `a phone that runs low on memory ends the run`() {
        screen.start(R.id.benchmark_sustained)
        screen.awaitRound()
        screen.activity.onLowMemory()
        screen.awaitText("The phone ran low on memory.")
    }

    @Test
    fun `a full disk shares nothing and leaves no half file`() {
        screen.start(R.id.benchmark_sustained)
        screen.awaitRound()
        screen.click(R.id.benchmark_stop)
        screen.awaitState(RunState.Finished::class.java)
        val finished = screen.runs.state as RunState.Finished
        val folder = resultFolder(screen.activity).apply { mkdirs() }
        val aside = File(folder, resultName(finished.created) + ".part")
        Files.createSymbolicLink(aside.toPath(), Paths.get("/dev/full"))
        screen.click(R.id.benchmark_share)
        screen.awaitText("The result could not be written, and nothing was shared: No space left")
        screen.draw("share-full-disk")
        assertEquals(emptyList<File>(), folder.listFiles().orEmpty().toList())
        screen.click(R.id.benchmark_share) // the link is gone, as if space had been made
        assertEquals(Intent.ACTION_SEND, screen.sent().action)
        assertEquals(1, folder.listFiles().orEmpty().size)
    }

    @Test
    fun `a disk without room for the model is said`() {
        screen.awaitState(RunState.Ready::class.java)
        val artifact = requireNotNull(screen.runs.choice).offer.artifact.file
        val folder = File(screen.activity.cacheDir, "benchmark").apply { mkdirs() }
        Files.createSymbolicLink(File(folder, "$artifact.part").toPath(), Paths.get("/dev/full"))
        screen.start()
        screen.awaitText("No space for the model")
        assertEquals(emptyList<File>(), folder.listFiles().orEmpty().toList())
    }

    @Test
    @Config(application = RefusingBenchmark::class)
    fun `a delegate that refuses is said, and nothing else runs in its place`() {
        screen.start()
        screen.awaitText("This phone does not run it that way")
        screen.awaitText("refused. Nothing else was measured in its place.")
        screen.awaitText("no OpenCL")
        assertTrue(screen.runs.state is RunState.Failed)
    }

    @Test
    @Config(application = CorruptBenchmark::class)
    fun `an artifact that is not the one that was exported is not measured`() {
        screen.start()
        screen.awaitText("The model is damaged")
        screen.awaitText("is not the file that was exported")
    }

    @Test
    @Config(application = NoBundleBenchmark::class)
    fun `an app without a bundle says that there is nothing to measure`() {
        screen.awaitText("There is no model to measure")
        assertFalse(R.id.benchmark_start in visibleIds())
    }

    @Test
    @Config(application = SmallBenchmark::class)
    fun `a model that does not fit into memory is said`() {
        screen.start()
        screen.awaitText("Not enough memory")
    }

    @Test
    fun `what is read aloud changes with the stage and not with each round`() {
        screen.awaitState(RunState.Ready::class.java)
        val aloud = mutableListOf<String>()
        val stage = screen.activity.findViewById<TextView>(R.id.benchmark_stage)
        stage.addTextChangedListener(
            object : android.text.TextWatcher {
                override fun beforeTextChanged(s: CharSequence?, a: Int, b: Int, c: Int) = Unit

                override fun onTextChanged(s: CharSequence?, a: Int, b: Int, c: Int) = Unit

                override fun afterTextChanged(s: android.text.Editable?) {
                    aloud += s.toString()
                }
            },
        )
        screen.start()
        screen.awaitState(RunState.Finished::class.java)
        assertEquals(listOf("Loading the model", "Warming up", "Measuring"), aloud.distinct())
        assertEquals(aloud.distinct(), aloud)
    }

    private fun visibleIds(): Set<Int> =
        BenchmarkScreen.shown(screen.activity.window.decorView).mapTo(mutableSetOf()) { it.id }

    private companion object {
        const val KEEP_ON = WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON
    }
}
