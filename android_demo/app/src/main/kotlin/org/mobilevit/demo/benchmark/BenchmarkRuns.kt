package org.mobilevit.demo.benchmark

import android.content.Context
import android.os.Handler
import android.os.Looper
import java.io.Closeable
import java.io.File
import java.io.IOException
import java.time.OffsetDateTime
import java.time.temporal.ChronoUnit
import java.util.UUID
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicReference
import org.mobilevit.BundleException
import org.mobilevit.MobileViTException
import org.mobilevit.android.Options
import org.mobilevit.android.availableRuntimes
import org.mobilevit.benchmark.Machine
import org.mobilevit.benchmark.Plan
import org.mobilevit.benchmark.PlannedCase
import org.mobilevit.benchmark.conduct
import org.mobilevit.benchmark.result
import org.mobilevit.bundle.ArtifactRecord
import org.mobilevit.bundle.Bundle
import org.mobilevit.bundle.BundleFiles
import org.mobilevit.classify.chooseArtifact
import org.mobilevit.json.Json
import org.mobilevit.json.write

/**
 * The benchmark runs of this process, one at a time, on a thread of their own. They outlive the
 * activity that shows them. Everything here is for the main thread.
 *
 * @param options how the app opens the bundle elsewhere, which is what is offered first.
 * @param beforeRun lets go of what would disturb a run.
 */
class BenchmarkRuns(
    private val context: Context,
    files: BundleFiles,
    private val options: Options,
    private val machine: Machine,
    private val beforeRun: () -> Unit,
) {
    private val main = Handler(Looper.getMainLooper())
    private val worker = Executors.newSingleThreadExecutor { Thread(null, it, "benchmark", STACK) }

    // both for the worker: they load native libraries, and read
    private val runtimes by lazy { options.runtimes ?: availableRuntimes() }
    private val bundle by lazy { Bundle(files) }
    private val folder = File(context.cacheDir, "benchmark")
    private val stopReason = AtomicReference<StopReason?>()
    private val listeners = mutableListOf<(RunState) -> Unit>()
    private var ready: RunState.Ready? = null

    /** What was chosen last, for the screen that is made anew. */
    var choice: Choice? = null

    var state: RunState = RunState.Opening
        private set(value) {
            field = value
            listeners.toList().forEach { it(value) }
        }

    init {
        worker.execute {
            val opened = open()
            main.post {
                ready = opened as? RunState.Ready
                state = opened
            }
        }
    }

    /** Tells each state from now on, the present one at once. */
    fun listen(listener: (RunState) -> Unit): Closeable {
        listeners += listener
        listener(state)
        return Closeable { listeners -= listener }
    }

    /** Does nothing while another one runs. */
    fun start(choice: Choice) {
        if (state is RunState.Running) return
        this.choice = choice
        stopReason.set(null)
        beforeRun()
        val running = RunState.Running(choice, conditions(context))
        state = running
        worker.execute {
            val ended = run(running)
            main.post { state = ended }
        }
    }

    /** The first reason counts. It takes effect after the run of the model that is under way. */
    fun stop(reason: StopReason) {
        val running = state as? RunState.Running ?: return
        if (stopReason.compareAndSet(null, reason)) state = running.copy(stopping = reason)
    }

    /** Back to the choice of another run. */
    fun clear() {
        if (state is RunState.Finished || state is RunState.Failed) ready?.let { state = it }
    }

    /** Writes the result's JSON where [ResultProvider] finds it; [done] is told how it went. */
    fun export(finished: RunState.Finished, done: (Export) -> Unit) {
        worker.execute {
            val export =
                try {
                    Export.Written(writeResult(context, finished))
                } catch (error: IOException) {
                    Export.Failed(error.message.orEmpty())
                }
            main.post { done(export) }
        }
    }

    private fun open(): RunState = try {
        val (artifact, runtime) = chooseArtifact(bundle, runtimes, options.artifact)
        val usual = Choice(
            offer = Offer(artifact, runtime),
            delegate = runtime.delegates.run { find { it == options.delegate } ?: first() },
            threads = threadCounts(cores()).last { it <= maxOf(1, options.threads) },
            mode = Mode.QUICK,
        )
        RunState.Ready(offers(bundle.manifest, runtimes), usual)
    } catch (error: MobileViTException) {
        RunState.Unavailable(error.message, error.hint)
    }

    private fun run(running: RunState.Running): RunState {
        val recorder = Recorder(running)
        return try {
            val plan = plan(running.choice)
            stage(running.choice.offer.artifact)
            conduct(plan, folder, runtimes, machine, { stopReason.get()?.text }, recorder::record)
            ended(running, recorder, plan)
        } catch (error: BundleException) {
            RunState.Failed(running.choice, Failure.Damaged(error.message, error.hint))
        } catch (error: MobileViTException) {
            RunState.Failed(running.choice, Failure.Refused(error.message))
        } catch (error: IOException) {
            RunState.Failed(running.choice, Failure.Disk(error.message.orEmpty()))
        } catch (_: OutOfMemoryError) {
            RunState.Failed(running.choice, Failure.OutOfMemory)
        }
    }

    /** Puts the artifact, checked against its hash, where [conduct] reads it. */
    private fun stage(artifact: ArtifactRecord) {
        val bytes = bundle.read(artifact.file, artifact.sha256)
        val others = bundle.manifest.artifacts.filter { it.file != artifact.file }
        others.forEach { File(folder, it.file).delete() } // of a run before
        writeWhole(File(folder, artifact.file)) { it.write(bytes) }
    }

    private fun ended(running: RunState.Running, recorder: Recorder, plan: Plan): RunState {
        val choice = running.choice
        val trace = recorder.trace
        val stopped = stopReason.get()
        val created = OffsetDateTime.now().truncatedTo(ChronoUnit.SECONDS).toString()
        val sizes = mapOf(CASE to choice.offer.artifact.size)
        val json =
            result(recorder.records, plan, bundle.manifest, sizes, created, stopped?.text)
        val figures = figures(trace, choice.mode)
        return when {
            json != null && figures != null ->
                RunState.Finished(
                    choice = choice,
                    conditions = running.conditions + conditions(context),
                    trace = trace,
                    figures = figures,
                    stopped = stopped,
                    created = created,
                    json = json.write(),
                )

            stopped != null -> RunState.Failed(choice, Failure.StoppedEarly(stopped))

            else -> RunState.Failed(choice, Failure.Refused(trace.refusal.orEmpty()))
        }
    }

    /** Keeps the records, and shows them now and then: drawing takes time from what is timed. */
    private inner class Recorder(private val running: RunState.Running) {
        val records = mutableListOf<Json.Object>()
        var trace = running.trace
            private set
        private var shownNs = 0L

        fun record(record: Json.Object) {
            val stage = trace.stage
            records += record
            trace += record
            val now = System.nanoTime()
            if (trace.stage == stage && now - shownNs < SHOW_EVERY_NS) return
            shownNs = now
            val seen = trace
            main.post { (state as? RunState.Running)?.let { state = it.copy(trace = seen) } }
        }
    }
}

private const val CASE = "0"
private const val STACK = 8L shl 20 // ONNX Runtime's first steps took more than a thread has
private const val SHOW_EVERY_NS = 500_000_000L

private fun plan(choice: Choice): Plan {
    val artifact = choice.offer.artifact
    return Plan(
        run = UUID.randomUUID().toString().replace("-", "").take(12),
        protocol = choice.mode.settings,
        cases =
            listOf(
                PlannedCase(
                    id = CASE,
                    artifact = artifact.file,
                    artifactSha256 = artifact.sha256,
                    runtime = choice.offer.runtime.name,
                    delegate = choice.delegate,
                    threads = choice.threads,
                    batch = 1,
                    feeds = null,
                ),
            ),
    )
}
