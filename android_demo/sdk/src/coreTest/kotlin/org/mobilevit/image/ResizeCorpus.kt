package org.mobilevit.image

import java.io.DataInputStream
import java.io.File
import org.mobilevit.bundle.Interpolation
import org.mobilevit.bundle.Preprocessing

/** What Pillow makes of an image, as `tests/clients/resize_corpus.py` writes it. */
internal sealed interface Expected {
    class Resized(val record: Preprocessing, val pixels: ByteArray) : Expected

    class Refused(val record: Preprocessing, val message: String) : Expected

    class Turned(val orientation: Int, val upright: RgbImage) : Expected
}

internal class Sample(val image: RgbImage, val expected: Expected) {
    override fun toString() = "${image.width}x${image.height}" + when (expected) {
        is Expected.Resized -> " by ${expected.record}"
        is Expected.Refused -> " by ${expected.record}"
        is Expected.Turned -> " of orientation ${expected.orientation}"
    }
}

internal fun resizeCorpus(): List<Sample> {
    val file = checkNotNull(System.getProperty("mobilevit.resizes")) { "set -Dmobilevit.resizes" }
    return DataInputStream(File(file).inputStream().buffered()).use { stream ->
        buildList {
            while (true) {
                val kind = stream.read()
                if (kind < 0) break
                val image = stream.image()
                add(Sample(image, stream.expected(kind)))
            }
        }
    }
}

private fun DataInputStream.expected(kind: Int): Expected = when (kind) {
    0 -> {
        val record = record()
        Expected.Resized(record, readNBytes(record.height * record.width * 3))
    }

    1 -> Expected.Refused(record(), readUTF())

    2 -> Expected.Turned(readUnsignedByte(), image())

    else -> error("a record of kind $kind")
}

private fun DataInputStream.image(): RgbImage {
    val width = readInt()
    val height = readInt()
    return RgbImage(width, height, readNBytes(width * height * 3))
}

private fun DataInputStream.record() =
    Preprocessing(readInt(), readInt(), readDouble(), Interpolation.entries[readUnsignedByte()])
