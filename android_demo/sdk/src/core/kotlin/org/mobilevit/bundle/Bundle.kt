package org.mobilevit.bundle

import java.io.FileNotFoundException
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import org.mobilevit.BundleException

private const val MANIFEST_FILE = "manifest.json"

/** Where `str.splitlines` splits. */
private val LINE_END = Regex("\r\n|[\n\u000b\u000c\r\u001c-\u001e\u0085\u2028\u2029]")

/**
 * A bundle whose manifest and labels were read and checked; every file that is read of it later is
 * checked against its hash.
 *
 * @throws BundleException no bundle, of a newer schema, or changed since it was exported.
 */
class Bundle(private val files: BundleFiles) {
    val manifest: Manifest = readManifest()

    /** In the order of the outputs. */
    val labels: List<String> = readLabels()

    /**
     * The bytes of a file that the manifest lists.
     *
     * @throws BundleException missing, or not the file that was exported.
     */
    fun read(path: String, sha256: String): ByteArray {
        val bytes =
            try {
                readAll(path)
            } catch (error: FileNotFoundException) {
                throw BundleException("`${nameOf(path)}` is missing", cause = error)
            }
        if (sha256(bytes) != sha256) {
            throw BundleException("`${nameOf(path)}` is not the file that was exported")
        }
        return bytes
    }

    /**
     * The artifact of this file name.
     *
     * @throws BundleException there is none.
     */
    fun artifact(file: String): ArtifactRecord = manifest.artifacts.find { it.file == file }
        ?: throw BundleException("`${files.name}` has no artifact `$file`", "it has ${names()}")

    private fun names() = manifest.artifacts.joinToString { it.file }

    private fun nameOf(path: String) = "${files.name}/$path"

    private fun readManifest(): Manifest {
        val bytes =
            try {
                readAll(MANIFEST_FILE)
            } catch (error: FileNotFoundException) {
                throw BundleException(
                    "`${files.name}` is not a bundle: it has no $MANIFEST_FILE",
                    "put a bundle into the app with `mobilevit embed BUNDLE APP_DIR`",
                    error,
                )
            }
        return readManifest(bytes, nameOf(MANIFEST_FILE))
    }

    private fun readLabels(): List<String> {
        val record = manifest.labels
        val bytes = read(record.file, record.sha256)
        val text =
            try {
                // a new decoder reports what is malformed
                Charsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes))
            } catch (error: CharacterCodingException) {
                throw BundleException(
                    "`${nameOf(record.file)}` cannot be read: it is not UTF-8",
                    cause = error,
                )
            }
        val lines = text.split(LINE_END)
        val labels = if (lines.last().isEmpty()) lines.dropLast(1) else lines
        if (labels.size != record.count) {
            throw BundleException(
                "`${nameOf(record.file)}` has ${labels.size} labels, " +
                    "the manifest says ${record.count}",
            )
        }
        return labels
    }

    private fun readAll(path: String): ByteArray = try {
        files.open(path).use { it.readBytes() }
    } catch (error: FileNotFoundException) {
        throw error
    } catch (error: IOException) {
        throw BundleException(
            "`${nameOf(path)}` cannot be read: ${error.message ?: error.javaClass.simpleName}",
            cause = error,
        )
    }
}
