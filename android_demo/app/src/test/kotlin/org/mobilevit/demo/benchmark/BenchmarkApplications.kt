package org.mobilevit.demo.benchmark

import android.app.Application
import java.io.File
import java.io.FileNotFoundException
import java.io.InputStream
import java.nio.ByteBuffer
import org.mobilevit.RefusedException
import org.mobilevit.android.AssetBundle
import org.mobilevit.android.Options
import org.mobilevit.benchmark.LinuxFacts
import org.mobilevit.benchmark.Machine
import org.mobilevit.bundle.BundleFiles
import org.mobilevit.json.Json
import org.mobilevit.json.jsonObject
import org.mobilevit.runtime.DesktopLiteRt
import org.mobilevit.runtime.InferenceRuntime
import org.mobilevit.runtime.OnnxRuntime
import org.mobilevit.runtime.Session

/** The app on a desktop's runtimes, with the bundle in its assets. */
open class BenchmarkApplication :
    Application(),
    BenchmarkHost {
    open val files: BundleFiles get() = AssetBundle(assets, "mobilevit")
    open val runtimes: List<InferenceRuntime> get() = listOf(OnnxRuntime(), DesktopLiteRt())

    override val benchmarkRuns: BenchmarkRuns by lazy {
        BenchmarkRuns(this, files, Options(runtimes = runtimes), ThisMachine) {}
    }
}

class NoBundleBenchmark : BenchmarkApplication() {
    override val files: BundleFiles get() = AssetBundle(assets, "none")
}

/** The bundle, with artifacts that are not those that were exported. */
class CorruptBenchmark : BenchmarkApplication() {
    override val files: BundleFiles get() = object : BundleFiles {
        private val folder = File(System.getProperty("mobilevit.bundle").orEmpty())
        override val name: String get() = "assets/mobilevit"

        override fun open(path: String): InputStream {
            val file = File(folder, path)
            if (!file.isFile) throw FileNotFoundException(path)
            val bytes = file.readBytes()
            if (file.extension == "onnx") bytes[bytes.size / 2]++
            return bytes.inputStream()
        }
    }
}

/** A phone whose GPU takes no model. */
class RefusingBenchmark : BenchmarkApplication() {
    override val runtimes: List<InferenceRuntime> get() = listOf(
        FailingRuntime(OnnxRuntime()) {
            throw RefusedException("ONNX Runtime does not open the artifact with `gpu`: no OpenCL")
        },
    )
}

class SmallBenchmark : BenchmarkApplication() {
    override val runtimes: List<InferenceRuntime> get() =
        listOf(FailingRuntime(OnnxRuntime()) { throw OutOfMemoryError("Failed to allocate") })
}

/** A real runtime, but for one delegate `gpu` that fails as a phone's may. */
private class FailingRuntime(
    private val runtime: InferenceRuntime,
    private val fail: () -> Nothing,
) : InferenceRuntime by runtime {
    override val delegates: List<String> get() = listOf("gpu") + runtime.delegates

    override fun load(artifact: ByteBuffer, threads: Int, delegate: String): Session =
        if (delegate == "gpu") fail() else runtime.load(artifact, threads, delegate)
}

/** What a phone's machine tells, of the one that runs the test. */
private object ThisMachine : Machine {
    private val facts = LinuxFacts()

    override fun describe(): Json.Object = jsonObject(
        "model" to "Robolectric",
        "machine" to "x86_64",
        "cores" to Runtime.getRuntime().availableProcessors(),
        "memory_bytes" to facts.totalMemory(),
        "system" to "Android 15 (API 35), on a JVM",
        "runner" to "org.mobilevit.demo 1.0",
        "emulated" to false,
    )

    override fun state(): Json.Object =
        jsonObject("load_average" to facts.loadAverage(), "thermal_status" to "none")

    override fun peakMemory(): Long? = facts.peakMemory()

    override fun residentMemory(): Long? = facts.residentMemory()
}
