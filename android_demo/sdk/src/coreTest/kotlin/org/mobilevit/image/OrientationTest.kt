package org.mobilevit.image

import java.io.ByteArrayOutputStream
import java.io.DataOutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.random.Random
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.desktop.FolderBundle

class OrientationTest {
    private val files = FolderBundle(java.io.File(System.getProperty("mobilevit.bundle")))

    private fun jpeg(orientation: Int): ByteArray =
        files.open("golden/preprocessing/exif-$orientation.jpg").use { it.readBytes() }

    @Test
    fun `is read from the files of the conformance set`() {
        for (value in listOf(3, 5, 6, 8)) assertEquals(value, orientation(jpeg(value)))
        val none = files.open("golden/preprocessing/large.jpg").use { it.readBytes() }
        assertEquals(1, orientation(none))
    }

    @Test
    fun `is read from JPEG, PNG and WebP of either byte order and any integer type`() {
        for (order in listOf(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN)) {
            for (type in listOf(1, 3, 4)) {
                for (value in 1..8) {
                    val exif = exif(value, order, type)
                    for (file in listOf(inJpeg(exif), inPng(exif), inWebp(exif))) {
                        assertEquals("$order type $type", value, orientation(file))
                    }
                }
            }
        }
    }

    @Test
    fun `values beyond 8 and types that are no integers mean nothing`() {
        for (value in listOf(0, 9, 255)) {
            assertEquals(1, orientation(inJpeg(exif(value, ByteOrder.LITTLE_ENDIAN, 3))))
        }
        assertEquals(1, orientation(inJpeg(exif(6, ByteOrder.LITTLE_ENDIAN, 2))))
    }

    @Test
    fun `a file that has none, or is none, is upright`() {
        assertEquals(1, orientation(ByteArray(0)))
        assertEquals(1, orientation("not an image".toByteArray()))
        assertEquals(1, orientation(inPng(ByteArray(0))))
    }

    @Test
    fun `every cut of a file gives an answer`() {
        val exif = exif(6, ByteOrder.BIG_ENDIAN, 3)
        for (file in listOf(inJpeg(exif), inPng(exif), inWebp(exif), jpeg(6))) {
            for (size in 0..minOf(file.size, 2000)) {
                assertTrue(orientation(file.copyOf(size)) in setOf(1, 6))
            }
        }
    }

    @Test
    fun `hostile bytes give an answer, and in time`() {
        val exif = exif(6, ByteOrder.LITTLE_ENDIAN, 3)
        val seeds = listOf(3, 5, 6, 8).map(::jpeg) + listOf(inJpeg(exif), inPng(exif), inWebp(exif))
        val random = Random(6)
        val seen = mutableSetOf<Int>()
        val start = System.nanoTime()
        repeat(50_000) {
            val file = seeds.random(random).copyOf()
            val reach = minOf(file.size, if (random.nextBoolean()) 64 else 4096)
            repeat(random.nextInt(1, 6)) {
                file[random.nextInt(reach)] = when (random.nextInt(4)) {
                    0 -> random.nextInt(16).toByte()
                    1 -> -1
                    2 -> 0x7f
                    else -> random.nextInt().toByte()
                }
            }
            seen += orientation(file)
        }
        val seconds = (System.nanoTime() - start) / 1e9
        assertTrue("$seconds s", seconds < 30)
        assertEquals((1..8).toSet(), seen) // the mutations reach the value, and what is around it
    }

    @Test
    fun `a length that leads nowhere does not lead back`() {
        val worst = ByteArray(1 shl 20) { -1 } // a JPEG of filler
        worst[1] = 0xd8.toByte()
        assertEquals(1, orientation(worst))
        val still = inPng(ByteArray(0)).also { ByteBuffer.wrap(it).putInt(8, Int.MAX_VALUE) }
        assertEquals(1, orientation(still))
        val back = inWebp(ByteArray(0))
        ByteBuffer.wrap(back).order(ByteOrder.LITTLE_ENDIAN).putInt(16, -8)
        assertEquals(1, orientation(back))
    }
}

/** A TIFF structure of one directory: a width, and the orientation. */
internal fun exif(orientation: Int, order: ByteOrder, type: Int): ByteArray {
    val tiff = ByteBuffer.allocate(8 + 2 + 2 * 12 + 4).order(order)
    tiff.put((if (order == ByteOrder.LITTLE_ENDIAN) "II" else "MM").toByteArray())
    tiff.putShort(42).putInt(8).putShort(2)
    tiff.putShort(0x0100).putShort(4).putInt(1).putInt(640)
    tiff.putShort(0x0112).putShort(type.toShort()).putInt(1)
    val value = tiff.position()
    when (type) {
        1, 2 -> tiff.put(orientation.toByte())
        3 -> tiff.putShort(orientation.toShort())
        else -> tiff.putInt(orientation)
    }
    tiff.position(value + 4)
    return tiff.putInt(0).array()
}

internal fun inJpeg(exif: ByteArray): ByteArray = written {
    write(byteArrayOf(-1, 0xd8.toByte(), -1, 0xe0.toByte(), 0, 4, 0, 0)) // and a segment before it
    writeShort(0xffe1)
    writeShort(2 + 6 + exif.size)
    writeBytes("Exif\u0000\u0000")
    write(exif)
    write(byteArrayOf(-1, 0xda.toByte(), 0, 2, -1, 0xd9.toByte()))
}

internal fun inPng(exif: ByteArray): ByteArray = written {
    writeLong(-0x76afb1b8f2f5e5f6L)
    for ((name, content) in listOf(
        "IHDR" to ByteArray(13),
        "IDAT" to ByteArray(7),
        "eXIf" to exif,
    )) {
        writeInt(content.size)
        writeBytes(name)
        write(content)
        writeInt(0) // the checksum, which is not looked at
    }
}

internal fun inWebp(exif: ByteArray): ByteArray = written {
    writeBytes("RIFF\u0000\u0000\u0000\u0000WEBP")
    for ((name, content) in listOf(
        "VP8X" to ByteArray(10),
        "VP8L" to ByteArray(5),
        "EXIF" to exif,
    )) {
        writeBytes(name)
        writeInt(Integer.reverseBytes(content.size))
        write(content)
        if (content.size % 2 == 1) write(0)
    }
}

private fun written(write: DataOutputStream.() -> Unit): ByteArray =
    ByteArrayOutputStream().also { DataOutputStream(it).write() }.toByteArray()
