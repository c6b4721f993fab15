package org.mobilevit.demo

import android.content.res.ApkAssets
import android.content.res.AssetManager
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream
import org.mobilevit.RefusedException
import org.mobilevit.android.Options
import org.mobilevit.bundle.sha256
import org.mobilevit.runtime.DesktopLiteRt
import org.mobilevit.runtime.InferenceRuntime
import org.mobilevit.runtime.Session

/** The app on TFLite of a Linux JVM, with the bundle in its assets. */
open class JvmApplication(options: Options = Options(), bundle: String = "mobilevit") :
    DemoApplication(bundle, options.copy(runtimes = options.runtimes ?: listOf(DesktopLiteRt()))) {
    constructor() : this(Options())
}

/** There is no such folder in the assets. */
class NoBundleApplication : JvmApplication(Options(), "none")

/** The bundle, with an artifact that is not a model any more; its hash is that of the manifest. */
class CorruptArtifactApplication :
    ChangedBundleApplication(
        { bundle ->
            bundle.replaceArtifact { it.fill(0x20, 0, 4096) }
        },
    )

/** The bundle, with an artifact that is not the one that was exported. */
class OtherHashApplication :
    ChangedBundleApplication(
        { bundle ->
            bundle.files[bundle.artifact]?.let {
                it[it.size / 2] =
                    (it[it.size / 2] + 1).toByte()
            }
        },
    )

/** A bundle of a format that this app does not know yet. */
class NewerSchemaApplication :
    ChangedBundleApplication(
        { bundle -> bundle.replaceInManifest("\"schema_version\": 1", "\"schema_version\": 99") },
    )

/** The bundle, with the largest of its weights damaged, and signed again: it opens, and computes wrong. */
class DamagedWeightsApplication :
    ChangedBundleApplication(
        { bundle ->
            bundle.replaceArtifact {
                // signs and mantissas
                for (at in largestWeight(it)) it[at] = (it[at].toInt() xor 0x80).toByte()
            }
        },
    )

/** Where in a TFLite file the largest of its weights is: the schema's `Model.buffers[].data`. */
private fun largestWeight(file: ByteArray): IntRange {
    val bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN)

    // FlatBuffers: offsets count from where they are, a table starts with that of its field offsets
    fun target(at: Int) = at + bytes.getInt(at)

    fun field(table: Int, index: Int): Int? {
        val offsets = table - bytes.getInt(table)
        val entry = 4 + 2 * index
        if (entry >= bytes.getShort(offsets)) return null
        val offset = bytes.getShort(offsets + entry).toInt()
        return if (offset == 0) null else table + offset
    }

    val buffers = target(field(target(0), 4)!!)
    return (0 until bytes.getInt(buffers))
        .mapNotNull { field(target(buffers + 4 + 4 * it), 0)?.let(::target) }
        .map { it + 4 until it + 4 + bytes.getInt(it) }
        .maxBy { it.count() }
}

/** A phone whose delegate `gpu` takes no model. */
class RefusingDelegateApplication :
    JvmApplication(Options(delegate = "gpu", runtimes = listOf(RefusingGpu(DesktopLiteRt()))))

/** A runtime with one delegate more, which refuses, as a phone's driver may. */
private class RefusingGpu(private val runtime: InferenceRuntime) : InferenceRuntime by runtime {
    override val delegates: List<String> get() = runtime.delegates + "gpu"

    override fun load(artifact: ByteBuffer, threads: Int, delegate: String): Session {
        if (delegate ==
            "gpu"
        ) {
            throw RefusedException("the GPU of this phone does not take the model")
        }
        return runtime.load(artifact, threads, delegate)
    }
}

/** The files of the bundle that is tested with, to change. */
class TestBundle(val files: MutableMap<String, ByteArray>) {
    /** What a phone opens of it. */
    val artifact: String = files.keys.first { it.endsWith("fp16.tflite") }

    fun replaceInManifest(old: String, new: String) {
        val text = files.getValue(MANIFEST).decodeToString()
        check(old in text) { "the manifest has no $old" }
        files[MANIFEST] = signed(text.replace(old, new))
    }

    /** With the digest of what it says now. */
    private fun signed(manifest: String): ByteArray {
        val digest = Regex("\"digest\": \"(\\w+)\"").findAll(manifest).last().groupValues[1]
        val unsigned = manifest.replace(digest, "0".repeat(digest.length))
        return manifest.replace(digest, sha256(unsigned.encodeToByteArray())).encodeToByteArray()
    }

    /** Changes the artifact, and has the manifest say its new hash. */
    fun replaceArtifact(change: (ByteArray) -> Unit) {
        val bytes = files.getValue(artifact)
        val before = sha256(bytes)
        change(bytes)
        replaceInManifest(before, sha256(bytes))
    }

    companion object {
        const val MANIFEST = "manifest.json"

        fun read(): TestBundle {
            val folder = File(System.getProperty("mobilevit.bundle"))
            val files = folder.walk().filter { it.isFile && it.extension !in APPLE }
            return TestBundle(
                files.filter { "mlpackage" !in it.path }
                    .associateTo(LinkedHashMap()) { it.toRelativeString(folder) to it.readBytes() },
            )
        }

        private val APPLE = setOf("mlmodel")
    }
}

/** The app with a bundle in its assets that is not as it was exported. */
open class ChangedBundleApplication(change: (TestBundle) -> Unit) : JvmApplication() {
    private val changed: AssetManager by lazy {
        val bundle = TestBundle.read().also(change)
        val archive = File.createTempFile("assets", ".apk").apply { deleteOnExit() }
        ZipOutputStream(archive.outputStream()).use { zip ->
            for ((path, bytes) in bundle.files) {
                zip.putNextEntry(ZipEntry("assets/mobilevit/$path"))
                zip.write(bytes)
            }
        }
        AssetManager.Builder().addApkAssets(ApkAssets.loadFromPath(archive.path)).build()
    }

    override fun getAssets(): AssetManager = changed
}
