package org.mobilevit.bundle

import java.io.File
import java.util.Base64
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.BundleException
import org.mobilevit.json.Json
import org.mobilevit.json.parseJson

/** The manifests of tests/clients/manifest_corpus.py, and what the Python reader says of each. */
class ManifestCorpusTest {
    private class Case(val change: String, val content: ByteArray, val python: String?) {
        val kotlin: String? =
            try {
                readManifest(content, "manifest.json")
                null
            } catch (error: BundleException) {
                error.message
            }

        override fun toString() =
            "$change\n  Python: ${python ?: "accepted"}\n  Kotlin: ${kotlin ?: "accepted"}"
    }

    @Test
    fun `accepts and refuses what Python does`() {
        assertAll(cases.filter { (it.python == null) != (it.kotlin == null) })
    }

    @Test
    fun `says of what is JSON what Python says`() {
        assertAll(cases.filter { it.python != it.kotlin && "Invalid JSON" !in it.python.orEmpty() })
    }

    @Test
    fun `the corpus is large, and has much of both`() {
        assertTrue("${cases.size}", cases.size >= 1000)
        val accepted = cases.count { it.python == null }
        assertTrue("$accepted accepted", accepted in cases.size / 5..cases.size * 4 / 5)
    }

    private fun assertAll(disagreements: List<Case>) = assertEquals(
        disagreements.joinToString("\n", "${disagreements.size} of ${cases.size}\n"),
        0,
        disagreements.size,
    )

    private companion object {
        val cases: List<Case> by lazy {
            val file = File(System.getProperty("mobilevit.corpus"))
            file.useLines { lines -> lines.map(::case).toList() }
        }

        fun case(line: String): Case {
            val case = parseJson(line.toByteArray()) as Json.Object
            return Case(
                change = (case["change"] as Json.Text).value,
                content = Base64.getDecoder().decode((case["content"] as Json.Text).value),
                python = (case["message"] as? Json.Text)?.value,
            )
        }
    }
}
