package org.mobilevit.bundle

import java.io.ByteArrayInputStream
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.BundleException

/** The bundle that was exported, and what may have happened to it since. */
class BundleTest {
    /** Files of the exported bundle, some of them changed or, where null, gone. */
    private class Changed(private val changes: Map<String, ByteArray?> = emptyMap()) : BundleFiles {
        override val name = "assets/mobilevit"

        override fun open(path: String): InputStream {
            val content = if (path in changes) changes[path] else File(exported, path).readBytes()
            return ByteArrayInputStream(content ?: throw FileNotFoundException(path))
        }
    }

    private fun refusal(changes: Map<String, ByteArray?>): BundleException =
        assertThrows(BundleException::class.java) { Bundle(Changed(changes)) }

    /** A bundle with these labels, and a manifest that says so. */
    private fun withLabels(labels: ByteArray): Map<String, ByteArray?> {
        val manifest = Bundle(Changed()).manifest
        val relabelled = text.replace(manifest.labels.sha256, sha256(labels))
        val unsigned = relabelled.replace(manifest.digest, "0".repeat(64))
        val digest = sha256(unsigned.toByteArray())
        val signed = unsigned.dropLast(64 + 4) + digest + unsigned.takeLast(4)
        return mapOf("labels.txt" to labels, "manifest.json" to signed.toByteArray())
    }

    @Test
    fun `labels are in the order of the outputs`() {
        val bundle = Bundle(Changed())
        assertEquals(File(exported, "labels.txt").readLines(), bundle.labels)
        assertEquals(bundle.manifest.labels.count, bundle.labels.size)
    }

    @Test
    fun `a file is read as it was exported`() {
        val bundle = Bundle(Changed())
        val artifact = bundle.artifact("${bundle.manifest.model}_fp32.onnx")
        val bytes = bundle.read(artifact.file, artifact.sha256)
        assertEquals(artifact.size, bytes.size.toLong())
    }

    @Test
    fun `one bit that changed is refused`() {
        val artifact = Bundle(Changed()).manifest.artifacts.first { it.file.endsWith(".onnx") }
        val content = File(exported, artifact.file).readBytes()
        content[content.size / 2] = (content[content.size / 2].toInt() xor 1).toByte()
        val bundle = Bundle(Changed(mapOf(artifact.file to content)))
        val error =
            assertThrows(BundleException::class.java) {
                bundle.read(artifact.file, artifact.sha256)
            }
        val file = "assets/mobilevit/${artifact.file}"
        assertEquals("`$file` is not the file that was exported", error.message)
        assertEquals("export the bundle again, or copy it again", error.hint)
    }

    @Test
    fun `no bundle is told from a bundle with a file missing`() {
        val none = refusal(mapOf("manifest.json" to null))
        assertEquals("`assets/mobilevit` is not a bundle: it has no manifest.json", none.message)
        assertTrue("${none.hint}", "mobilevit embed BUNDLE APP_DIR" in none.hint.orEmpty())
        val unlabelled = refusal(mapOf("labels.txt" to null))
        assertEquals("`assets/mobilevit/labels.txt` is missing", unlabelled.message)
    }

    @Test
    fun `a disk that fails is told`() {
        val failing =
            object : BundleFiles {
                override val name = "bundle"

                override fun open(path: String): InputStream = throw IOException("disk fell out")
            }
        val error = assertThrows(BundleException::class.java) { Bundle(failing) }
        assertEquals("`bundle/manifest.json` cannot be read: disk fell out", error.message)
    }

    @Test
    fun `a manifest that changed is refused, and line ends are told`() {
        val newer = text.replace("\"schema_version\": 1", "\"schema_version\": 2").toByteArray()
        assertEquals("upgrade mobilevit-sdk", refusal(mapOf("manifest.json" to newer)).hint)
        val later = text.replace("\"created\": \"2", "\"created\": \"3").toByteArray()
        val changed = refusal(mapOf("manifest.json" to later)).message
        assertEquals("`assets/mobilevit/manifest.json` was changed after it was written", changed)
        val windows = refusal(mapOf("manifest.json" to text.replace("\n", "\r\n").toByteArray()))
        assertTrue(windows.message, "line ends" in windows.message)
        assertTrue("${windows.hint}", ".gitattributes" in windows.hint.orEmpty())
    }

    @Test
    fun `lines of labels end where Python ends them`() {
        val labels = Bundle(Changed()).labels
        for (end in listOf("\n", "\r\n", "\r", "\u000b", "\u000c", "\u001e", "\u0085", "\u2028")) {
            for (last in listOf(end, "")) {
                val content = labels.joinToString(end, postfix = last).toByteArray()
                assertEquals(labels, Bundle(Changed(withLabels(content))).labels)
            }
        }
        val spaced = labels.map { "$it \u00a0é\ufeff" }
        val content = spaced.joinToString("\n").toByteArray()
        assertEquals(spaced, Bundle(Changed(withLabels(content))).labels)
    }

    @Test
    fun `labels that are too few, too many or no text are refused`() {
        val labels = Bundle(Changed()).labels
        for (count in listOf(0, 1, labels.size - 1, labels.size + 1)) {
            val content = List(count) { "label\n" }.joinToString("").toByteArray()
            val message = refusal(withLabels(content)).message
            assertTrue(message, "has $count labels, the manifest says ${labels.size}" in message)
        }
        val latin = labels.joinToString("\n") { "é$it" }.toByteArray(Charsets.ISO_8859_1)
        assertTrue("UTF-8" in refusal(withLabels(latin)).message)
    }

    @Test
    fun `an artifact that is not there is refused with the names of those that are`() {
        val error =
            assertThrows(BundleException::class.java) { Bundle(Changed()).artifact("x.onnx") }
        assertTrue(error.hint, "_fp32.onnx" in error.hint.orEmpty())
    }

    private companion object {
        val exported = File(System.getProperty("mobilevit.bundle"))
        val text = File(exported, "manifest.json").readText()
    }
}
