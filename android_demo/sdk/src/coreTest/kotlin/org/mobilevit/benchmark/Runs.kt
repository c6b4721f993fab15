package org.mobilevit.benchmark

import java.io.Closeable
import java.io.File
import java.nio.ByteBuffer
import java.nio.file.Files
import java.security.MessageDigest
import org.mobilevit.RefusedException
import org.mobilevit.desktop.LinuxMachine
import org.mobilevit.json.Json
import org.mobilevit.runtime.InferenceRuntime
import org.mobilevit.runtime.OnnxRuntime
import org.mobilevit.runtime.Session

/** A protocol that is soon done with. */
internal val SHORT =
    ProtocolSettings(
        launches = 2,
        rounds = 3,
        warmupMinRuns = 1,
        warmupMinS = 0.0,
        warmupCapS = 0.01,
        roundMinRuns = 2,
        roundMinS = 0.0,
        sentinelMinS = 0.0,
    )

/** The bundle's ONNX artifact in a plan's folder, and runs of plans there by the real runtime. */
internal class Runs : Closeable {
    val folder: File = Files.createTempDirectory("plan").toFile()
    val artifact = File(folder, "artifact.onnx")

    init {
        val bundle = File(requireNotNull(System.getProperty("mobilevit.bundle")))
        bundle
            .listFiles()
            .orEmpty()
            .first { it.name.endsWith("_fp32.onnx") }
            .copyTo(artifact)
    }

    fun case(id: String = "0", file: File = artifact) = PlannedCase(
        id = id,
        artifact = file.name,
        artifactSha256 = sha256(file),
        runtime = "onnxruntime",
        delegate = "cpu",
        threads = 1,
        batch = 1,
        feeds = null,
    )

    fun plan(vararg cases: PlannedCase, protocol: ProtocolSettings = SHORT) =
        Plan("0123456789ab", protocol, cases.toList())

    /** The records that a plan comes to; [stop] may look at those there are. */
    fun records(
        plan: Plan,
        runtime: InferenceRuntime = OnnxRuntime(),
        stop: (List<Json.Object>) -> String? = { null },
    ): List<Json.Object> {
        val told = mutableListOf<Json.Object>()
        conduct(plan, folder, listOf(runtime), LinuxMachine(), { stop(told) }) { told += it }
        return told
    }

    override fun close() {
        folder.deleteRecursively()
    }

    private fun sha256(file: File) = MessageDigest
        .getInstance("SHA-256")
        .digest(file.readBytes())
        .joinToString("") { "%02x".format(it) }
}

/** The real runtime, whose sessions fail after [runs] runs, and which counts those that are open. */
internal class Failing(private val real: InferenceRuntime, private val runs: Int = Int.MAX_VALUE) :
    InferenceRuntime by real {
    var open = 0
        private set

    override fun load(artifact: ByteBuffer, threads: Int, delegate: String): Session {
        val session = real.load(artifact, threads, delegate)
        open++
        return object : Session by session {
            private var left = runs

            override fun run(feeds: Map<String, ByteBuffer>): Map<String, ByteBuffer> {
                if (left-- == 0) throw RefusedException("it fell\nover", "pick it up")
                return session.run(feeds)
            }

            override fun close() {
                open--
                session.close()
            }
        }
    }
}
