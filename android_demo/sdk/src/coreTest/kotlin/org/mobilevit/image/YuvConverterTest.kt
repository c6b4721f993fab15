package org.mobilevit.image

import java.nio.ByteBuffer
import kotlin.math.roundToInt
import kotlin.random.Random
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.ImageException

class YuvConverterTest {
    private val converter = YuvConverter()

    @Test
    fun `known colours come out`() {
        val known = mapOf( // Y, Cb, Cr of ITU-R T.871
            Triple(0, 128, 128) to 0x000000,
            Triple(255, 128, 128) to 0xffffff,
            Triple(128, 128, 128) to 0x808080,
            Triple(76, 85, 255) to 0xfe0000,
            Triple(150, 44, 21) to 0x00ff01,
            Triple(29, 255, 107) to 0x0000fe,
            Triple(226, 0, 149) to 0xffff00, // clipped
            Triple(0, 0, 0) to 0x008700,
        )
        for ((yuv, rgb) in known) {
            val (y, u, v) = yuv
            val pixels = convert(Picture(2, 2) { _, _ -> yuv }.planar(), 0)
            val got = (pixels[0].toInt() and 255 shl 16) or (pixels[1].toInt() and 255 shl 8) or
                (pixels[2].toInt() and 255)
            assertEquals("%06x of $y $u $v".format(got), rgb, got)
        }
    }

    @Test
    fun `layouts, crops and turns give what the formula gives in floating point`() {
        val random = Random(420)
        repeat(200) {
            val picture = randomPicture(random, random.nextInt(1, 40), random.nextInt(1, 40))
            val left = random.nextInt(picture.width)
            val top = random.nextInt(picture.height)
            val width = random.nextInt(1, picture.width - left + 1)
            val height = random.nextInt(1, picture.height - top + 1)
            val layouts = listOf(
                picture.planar(),
                picture.planar(padding = random.nextInt(20)),
                picture.interleaved(uFirst = true),
                picture.interleaved(uFirst = false, padding = random.nextInt(20)),
            )
            for (whole in layouts) {
                val frame = YuvFrame(whole.y, whole.u, whole.v, width, height, left, top)
                val expected = picture.rgb(left, top, width, height)
                for ((degrees, orientation) in mapOf(0 to 1, 90 to 6, 180 to 3, 270 to 8)) {
                    val turned = upright(expected, orientation)
                    assertNear(turned.rgb, convert(frame, degrees))
                }
            }
        }
    }

    @Test
    fun `U and V in each other's place show`() {
        val picture = randomPicture(Random(1), 8, 8)
        val right = picture.planar()
        val wrong = YuvFrame(right.y, right.v, right.u, 8, 8)
        assertNotEquals(convert(right, 0).toList(), convert(wrong, 0).toList())
    }

    @Test
    fun `direct buffers are read wherever their position is, and left there`() {
        val picture = randomPicture(Random(2), 16, 8)
        val heap = picture.interleaved(uFirst = true)
        fun direct(plane: YuvPlane): YuvPlane {
            val buffer = ByteBuffer.allocateDirect(plane.buffer.limit())
            buffer.put(plane.buffer.duplicate().also { it.rewind() })
            return YuvPlane(buffer, plane.rowStride, plane.pixelStride) // at its end
        }
        val frame = YuvFrame(direct(heap.y), direct(heap.u), direct(heap.v), 16, 8)
        assertArrayEquals(convert(heap, 90), convert(frame, 90))
        assertEquals(16 * 8, frame.y.buffer.position())
    }

    @Test
    fun `planes that end early are refused`() {
        val whole = randomPicture(Random(3), 16, 8).planar()
        fun short(plane: YuvPlane) = YuvPlane(
            ByteBuffer.allocate(plane.buffer.limit() - 1),
            plane.rowStride,
            plane.pixelStride,
        )
        val refusal = assertThrows(ImageException::class.java) {
            YuvFrame(whole.y, short(whole.u), whole.v, 16, 8)
        }
        assertEquals(
            "the U plane of a frame has 31 bytes, and 16x8 pixels from (0, 0) on need 32",
            refusal.message,
        )
        assertThrows(ImageException::class.java) {
            YuvFrame(short(whole.y), whole.u, whole.v, 16, 8)
        }
        assertThrows(ImageException::class.java) { YuvFrame(whole.y, whole.u, whole.v, 0, 8) }
    }

    private fun convert(frame: YuvFrame, degrees: Int): ByteArray =
        ByteArray(frame.width * frame.height * 3).also { converter.convert(frame, degrees, it) }
}

/** Within the rounding of a sum that is almost half way. */
private fun assertNear(expected: ByteArray, actual: ByteArray) {
    assertEquals(expected.size, actual.size)
    var different = 0
    for (i in expected.indices) {
        val difference = (expected[i].toInt() and 255) - (actual[i].toInt() and 255)
        assertTrue("by $difference at $i", difference in -1..1)
        if (difference != 0) different++
    }
    assertTrue("$different of ${expected.size}", different <= 1 + expected.size / 1000)
}

private fun randomPicture(random: Random, width: Int, height: Int): Picture {
    val pixels = List(width * height) {
        Triple(random.nextInt(256), random.nextInt(256), random.nextInt(256))
    }
    return Picture(width, height) { x, y -> pixels[y * width + x] }
}

/** Y of each pixel, and U and V of the upper left one of each four. */
private class Picture(
    val width: Int,
    val height: Int,
    val yuv: (x: Int, y: Int) -> Triple<Int, Int, Int>,
) {
    private val chromaWidth = (width + 1) / 2
    private val chromaHeight = (height + 1) / 2

    fun planar(padding: Int = 0) = YuvFrame(
        plane(width, height, padding) { x, y -> yuv(x, y).first },
        plane(chromaWidth, chromaHeight, padding) { x, y -> yuv(2 * x, 2 * y).second },
        plane(chromaWidth, chromaHeight, padding) { x, y -> yuv(2 * x, 2 * y).third },
        width,
        height,
    )

    /** One buffer for both, the second a byte later and both cut after their last pixel. */
    fun interleaved(uFirst: Boolean, padding: Int = 0): YuvFrame {
        val stride = 2 * chromaWidth + padding
        val both = ByteArray(stride * (chromaHeight - 1) + 2 * chromaWidth)
        for (y in 0 until chromaHeight) {
            for (x in 0 until chromaWidth) {
                val (_, u, v) = yuv(2 * x, 2 * y)
                both[y * stride + 2 * x] = (if (uFirst) u else v).toByte()
                both[y * stride + 2 * x + 1] = (if (uFirst) v else u).toByte()
            }
        }
        fun half(offset: Int): YuvPlane {
            val buffer = ByteBuffer.wrap(both)
            buffer.position(offset).limit(both.size - 1 + offset)
            return YuvPlane(buffer.slice(), stride, 2)
        }
        val planar = planar(padding)
        val u = half(if (uFirst) 0 else 1)
        val v = half(if (uFirst) 1 else 0)
        return YuvFrame(planar.y, u, v, width, height)
    }

    fun rgb(left: Int, top: Int, width: Int, height: Int): RgbImage {
        val bytes = ByteArray(width * height * 3)
        for (y in 0 until height) {
            for (x in 0 until width) {
                val luma = yuv(left + x, top + y).first
                val (_, cb, cr) = yuv((left + x) / 2 * 2, (top + y) / 2 * 2)
                val (u, v) = Pair(cb - 128, cr - 128)
                val channels = listOf(
                    luma + 1.402 * v,
                    luma - (0.114 * 1.772 * u + 0.299 * 1.402 * v) / 0.587,
                    luma + 1.772 * u,
                )
                channels.forEachIndexed { c, value ->
                    bytes[3 * (y * width + x) + c] = value.roundToInt().coerceIn(0, 255).toByte()
                }
            }
        }
        return RgbImage(width, height, bytes)
    }

    private fun plane(w: Int, h: Int, padding: Int, value: (Int, Int) -> Int): YuvPlane {
        val stride = w + padding
        val bytes = ByteArray(stride * (h - 1) + w) // no padding after the last row
        for (y in 0 until h) for (x in 0 until w) bytes[y * stride + x] = value(x, y).toByte()
        return YuvPlane(ByteBuffer.wrap(bytes), stride, 1)
    }
}
