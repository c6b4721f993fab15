package org.mobilevit.image

import java.nio.ByteBuffer
import java.util.zip.CRC32
import java.util.zip.DataFormatException
import java.util.zip.Inflater
import kotlin.math.abs
import org.mobilevit.ImageException

private const val HEADER_END = 33 // of the signature and the first chunk

/**
 * The upper 8 bits of a PNG of 16 bits a channel, as stored, which the decoders of platforms round;
 * null if the file is another kind of image, or an interlaced one.
 *
 * @throws ImageException such a PNG, but damaged, cut off, or too large.
 */
fun decodePng16(file: ByteArray): RgbImage? {
    val bytes = ByteBuffer.wrap(file)
    if (file.size < HEADER_END || bytes.getLong(0) != PNG_SIGNATURE) return null
    val interlaced = file[28] != 0.toByte()
    val channels = when (file[25].toInt()) { // the colour type
        0 -> 1

        2 -> 3

        4 -> 2

        6 -> 4

        else -> return null
    }
    if (file[24] != 16.toByte() || interlaced) return null
    val width = bytes.getInt(16)
    val height = bytes.getInt(20)
    requireReasonableSize(width, height, file.size.toLong())
    return PngPixels(file).use { it.decode(width, height, channels) }
}

/** Inflates what the IDAT chunks of a PNG hold. */
private class PngPixels(private val file: ByteArray) : AutoCloseable {
    private val bytes = ByteBuffer.wrap(file)
    private val inflater = Inflater()
    private var nextChunk = HEADER_END

    fun decode(width: Int, height: Int, channels: Int): RgbImage {
        val pixelBytes = 2 * channels
        val rgb = ByteArray(3 * width * height)
        val green = if (channels >= 3) 2 else 0
        var row = ByteArray(1 + width * pixelBytes)
        var above = ByteArray(row.size)
        var to = 0
        for (y in 0 until height) {
            read(row)
            unfilter(row, above, pixelBytes)
            for (from in 1 until row.size step pixelBytes) {
                rgb[to] = row[from]
                rgb[to + 1] = row[from + green]
                rgb[to + 2] = row[from + 2 * green]
                to += 3
            }
            row = above.also { above = row }
        }
        return RgbImage(width, height, rgb)
    }

    override fun close() = inflater.end()

    private fun read(row: ByteArray) {
        var filled = 0
        while (filled < row.size) {
            val count = try {
                inflater.inflate(row, filled, row.size - filled)
            } catch (error: DataFormatException) {
                throw damaged(error.message ?: "its pixels are not compressed by zlib", error)
            }
            filled += count
            if (count > 0) continue
            if (!inflater.needsInput()) throw damaged("it has too few pixels")
            readChunk()
        }
    }

    /** Gives the inflater the next IDAT chunk. */
    private fun readChunk() {
        while (nextChunk <= file.size - 12) {
            val at = nextChunk
            val length = bytes.getInt(at)
            if (length < 0 || length > file.size - at - 12) break
            nextChunk = at + 12 + length // its length, name, content and checksum
            if (bytes.getInt(at + 4) == 0x49444154) { // 'IDAT'
                val checksum = CRC32().apply { update(file, at + 4, 4 + length) }
                if (checksum.value.toInt() != bytes.getInt(at + 8 + length)) {
                    throw damaged("a checksum is wrong")
                }
                return inflater.setInput(file, at + 8, length)
            }
        }
        throw damaged("it is cut off")
    }
}

/** PNG specification, section 9: each byte was stored as the difference from a prediction. */
private fun unfilter(row: ByteArray, above: ByteArray, pixelBytes: Int) {
    val filter = row[0].toInt()
    if (filter !in 0..4) throw damaged("a row is filtered by $filter")
    if (filter == 0) return
    for (i in 1 until row.size) {
        val left = if (i > pixelBytes) row[i - pixelBytes].toInt() and 0xff else 0
        val up = above[i].toInt() and 0xff
        val upLeft = if (i > pixelBytes) above[i - pixelBytes].toInt() and 0xff else 0
        val predicted = when (filter) {
            1 -> left
            2 -> up
            3 -> (left + up) / 2
            else -> paeth(left, up, upLeft)
        }
        row[i] = (row[i] + predicted).toByte()
    }
}

private fun paeth(left: Int, up: Int, upLeft: Int): Int {
    val fromLeft = abs(up - upLeft)
    val fromUp = abs(left - upLeft)
    val fromUpLeft = abs(left + up - 2 * upLeft)
    return when {
        fromLeft <= fromUp && fromLeft <= fromUpLeft -> left
        fromUp <= fromUpLeft -> up
        else -> upLeft
    }
}

private fun damaged(reason: String, cause: Exception? = null) =
    ImageException("the image cannot be decoded: $reason", "give an intact image", cause)
