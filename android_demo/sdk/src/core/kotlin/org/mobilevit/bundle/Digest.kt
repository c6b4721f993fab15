package org.mobilevit.bundle

import java.security.MessageDigest
import org.mobilevit.BundleException

/** SHA-256 in 64 hexadecimal digits. */
fun sha256(bytes: ByteArray): String = hex(MessageDigest.getInstance("SHA-256").digest(bytes))

internal fun hex(bytes: ByteArray): String = buildString(2 * bytes.size) {
    for (byte in bytes) {
        append(Character.forDigit((byte.toInt() shr 4) and 0xf, 16))
        append(Character.forDigit(byte.toInt() and 0xf, 16))
    }
}

internal fun checkDigest(manifest: ByteArray, digest: String, name: String) {
    if (signature(manifest, digest) == digest) return
    if (signature(manifest.withUnixLineEnds(), digest) == digest) {
        throw BundleException(
            "the line ends of `$name` were changed, as Git does on Windows",
            "mark the bundle's folder `-text` in .gitattributes, and copy it again",
        )
    }
    throw BundleException("`$name` was changed after it was written")
}

/** SHA-256 of the file with its digest, where these digits stand last, as zeros. */
private fun signature(manifest: ByteArray, digest: String): String {
    val unsigned = manifest.copyOf()
    val start = String(manifest, Charsets.ISO_8859_1).lastIndexOf(digest)
    if (start >= 0) unsigned.fill('0'.code.toByte(), start, start + digest.length)
    return sha256(unsigned)
}

private fun ByteArray.withUnixLineEnds(): ByteArray =
    String(this, Charsets.ISO_8859_1).replace("\r\n", "\n").toByteArray(Charsets.ISO_8859_1)
