package org.mobilevit.classify

import java.io.File
import org.junit.Assume.assumeTrue
import org.mobilevit.bundle.Bundle
import org.mobilevit.bundle.sha256
import org.mobilevit.desktop.FolderBundle
import org.mobilevit.runtime.DesktopLiteRt
import org.mobilevit.runtime.InferenceRuntime
import org.mobilevit.runtime.OnnxRuntime

/** What opens the artifacts of a bundle on this JVM. */
val RUNTIMES: List<InferenceRuntime> = listOf(DesktopLiteRt(), OnnxRuntime())

/** An exported bundle, which the build names. */
fun bundleFolder(): File {
    val folder = System.getProperty("mobilevit.bundle")?.let(::File)
    assumeTrue("no bundle: -Dmobilevit.bundle=FOLDER", folder?.isDirectory == true)
    return checkNotNull(folder)
}

fun testBundle(folder: File = bundleFolder()) = Bundle(FolderBundle(folder))

fun Bundle.open(file: String, delegate: String? = null): ImageClassifier {
    val choice = chooseArtifact(this, RUNTIMES, file)
    return openClassifier(
        this,
        choice,
        threads = 1,
        delegate = delegate,
        fallback = false,
    ).classifier
}

/** A copy of the bundle whose artifact [file] is another, or whose manifest is, signed as if it were right. */
fun tamperedBundle(
    copy: File,
    file: String,
    artifact: (ByteArray) -> ByteArray = { it },
    manifest: (String) -> String = { it },
): Bundle {
    val source = bundleFolder()
    source.walk().filter { it.isFile && "mlpackage" !in it.path }.forEach {
        it.copyTo(copy.resolve(it.relativeTo(source)), overwrite = true)
    }
    val record = testBundle(source).artifact(file)
    val changed = artifact(copy.resolve(file).readBytes())
    copy.resolve(file).writeBytes(changed)
    val json = copy.resolve("manifest.json")
    json.writeText(signed(manifest(json.readText().replace(record.sha256, sha256(changed)))))
    return testBundle(copy)
}

private fun signed(manifest: String): String {
    val digest = checkNotNull(DIGEST.findAll(manifest).lastOrNull()).groupValues[1]
    val unsigned = manifest.replace(digest, "0".repeat(64))
    return manifest.replace(digest, sha256(unsigned.toByteArray()))
}

private val DIGEST = Regex("\"digest\": \"([0-9a-f]{64})\"")

/** Some weights with another exponent: as from a file that rotted, or another training. */
fun flipWeights(artifact: ByteArray): ByteArray {
    val flipped = artifact.copyOf()
    val middle = flipped.size / 2
    for (i in middle until middle + 256) flipped[i] = (flipped[i].toInt() xor 0x40).toByte()
    return flipped
}
