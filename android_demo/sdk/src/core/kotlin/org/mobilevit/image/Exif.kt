package org.mobilevit.image

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * The value of EXIF's Orientation, 1 to 8, in the bytes of a JPEG, PNG or WebP file; 1 where there
 * is none, or none that can be read. Whatever the bytes are, this returns, after one walk over them.
 */
fun orientation(file: ByteArray): Int {
    val found = exif(ByteBuffer.wrap(file))?.let(::orientationTag) ?: UPRIGHT
    return if (found in 1..8) found else UPRIGHT
}

private const val UPRIGHT = 1
private const val ORIENTATION = 0x0112
private const val ENTRY_BYTES = 12
internal const val PNG_SIGNATURE = -0x76afb1b8f2f5e5f6L // 89 'PNG' 0d 0a 1a 0a

private fun exif(file: ByteBuffer): ByteBuffer? = when {
    file.has(0, 2) && file.short(0) == 0xffd8 -> exifOfJpeg(file)
    file.has(0, 8) && file.getLong(0) == PNG_SIGNATURE -> exifOfPng(file)
    file.has(0, 12) && file.spells("RIFF", 0) && file.spells("WEBP", 8) -> exifOfWebp(file)
    else -> null
}

/** The first APP1 segment with EXIF, before the picture itself starts. */
private fun exifOfJpeg(file: ByteBuffer): ByteBuffer? {
    var at = 2
    while (file.has(at, 4) && file.byte(at) == 0xff) {
        val marker = file.byte(at + 1)
        when (marker) {
            0xff -> at += 1

            // filler
            0x01, in 0xd0..0xd8 -> at += 2

            // no length follows
            0xd9, 0xda -> return null

            else -> {
                val length = file.short(at + 2)
                if (marker == 0xe1 && length >= 8 && file.has(at + 4, 6)) {
                    if (file.spells(EXIF_HEADER, at + 4)) return file.part(at + 4, length - 2)
                }
                at += 2 + length
            }
        }
    }
    return null
}

private fun exifOfPng(file: ByteBuffer): ByteBuffer? {
    var at = 8
    while (file.has(at, 8)) {
        val length = file.getInt(at)
        if (file.spells("eXIf", at + 4)) return file.part(at + 8, length)
        if (length < 0 || length > file.limit() - at - 12) return null
        at += 12 + length // of the chunk, its name, its checksum
    }
    return null
}

private fun exifOfWebp(file: ByteBuffer): ByteBuffer? {
    var at = 12
    while (file.has(at, 8)) {
        val length = Integer.reverseBytes(file.getInt(at + 4))
        if (file.spells("EXIF", at)) return file.part(at + 8, length)
        if (length < 0 || length > file.limit() - at - 9) return null
        at += 8 + length + (length and 1)
    }
    return null
}

/** Of the first directory of a TIFF structure; the last one counts, as in Pillow. */
private fun orientationTag(exif: ByteBuffer): Int? {
    var start = 0
    while (exif.has(start, 6) && exif.spells(EXIF_HEADER, start)) start += 6
    val tiff = exif.part(start, exif.limit() - start)
    if (!tiff.has(0, 8)) return null
    when {
        tiff.spells("II", 0) -> tiff.order(ByteOrder.LITTLE_ENDIAN)
        tiff.spells("MM", 0) -> tiff.order(ByteOrder.BIG_ENDIAN)
        else -> return null
    }
    if (tiff.short(2) != 42) return null
    val directory = tiff.getInt(4)
    if (!tiff.has(directory, 2)) return null
    var found: Int? = null
    for (i in 0 until tiff.short(directory)) {
        val entry = directory + 2 + ENTRY_BYTES * i
        if (!tiff.has(entry, ENTRY_BYTES)) break
        if (tiff.short(entry) == ORIENTATION && tiff.getInt(entry + 4) == 1) {
            found = when (tiff.short(entry + 2)) { // the type
                1 -> tiff.byte(entry + 8)

                3 -> tiff.short(entry + 8)

                4 -> tiff.getInt(entry + 8)

                else -> found
            }
        }
    }
    return found
}

private const val EXIF_HEADER = "Exif\u0000\u0000"

private fun ByteBuffer.has(at: Int, count: Int) = at >= 0 && count <= limit() - at

private fun ByteBuffer.byte(at: Int): Int = get(at).toInt() and 0xff

private fun ByteBuffer.short(at: Int): Int = getShort(at).toInt() and 0xffff

private fun ByteBuffer.spells(word: String, at: Int): Boolean =
    word.indices.all { byte(at + it) == word[it].code }

/** What there is of `count` bytes from [at]. */
private fun ByteBuffer.part(at: Int, count: Int): ByteBuffer =
    ByteBuffer.wrap(array(), arrayOffset() + at, count.coerceIn(0, limit() - at)).slice()
