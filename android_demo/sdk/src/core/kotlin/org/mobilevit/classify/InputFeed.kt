package org.mobilevit.classify

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import org.mobilevit.BundleException
import org.mobilevit.bundle.ArtifactRecord
import org.mobilevit.bundle.Preprocessing
import org.mobilevit.runtime.DType

/**
 * Pixels in the layout and type that an artifact's input takes; its buffers are made once.
 *
 * @throws BundleException the input takes no RGB image of the crop's size as uint8 or float32.
 */
internal class InputFeed(artifact: ArtifactRecord, crop: Preprocessing) {
    private val area = crop.height * crop.width
    private val planar: Boolean
    private val isFloat: Boolean
    private val bytes: ByteArray
    private val floats: FloatArray

    /** One image, C order, in native byte order. */
    val buffer: ByteBuffer
    private val floatView: FloatBuffer

    init {
        val input = artifact.input
        val packed = listOf(crop.height, crop.width, 3)
        planar = input.shape.drop(1) == listOf(3, crop.height, crop.width)
        isFloat = input.dtype == DType.FLOAT32.text
        val dtype = DType.of(input.dtype)
        val takesOne = input.shape.firstOrNull() == 1 || input.shape.firstOrNull() == -1
        val takesPixels = planar || input.shape.drop(1) == packed
        if (!takesOne || !takesPixels || (!isFloat && dtype != DType.UINT8)) {
            throw BundleException(
                "`${artifact.file}` takes ${input.dtype} ${input.shape}, which this version of " +
                    "the library does not feed",
                "update the library, or choose another artifact",
            )
        }
        val size = 3 * area
        bytes = ByteArray(if (!isFloat && planar) size else 0)
        floats = FloatArray(if (isFloat) size else 0)
        buffer = ByteBuffer.allocateDirect(if (isFloat) 4 * size else size)
            .order(ByteOrder.nativeOrder())
        floatView = buffer.asFloatBuffer()
    }

    /** @param pixels uint8 `height * width * 3`, RGB, row by row. */
    fun fill(pixels: ByteArray) {
        if (isFloat) {
            if (planar) planes(pixels) else for (i in floats.indices) floats[i] = level(pixels[i])
            floatView.position(0)
            floatView.put(floats)
        } else {
            if (planar) bytePlanes(pixels)
            buffer.position(0)
            buffer.put(if (planar) bytes else pixels, 0, buffer.capacity())
            buffer.position(0)
        }
    }

    private fun planes(pixels: ByteArray) {
        for (i in 0 until area) {
            floats[i] = level(pixels[3 * i])
            floats[area + i] = level(pixels[3 * i + 1])
            floats[2 * area + i] = level(pixels[3 * i + 2])
        }
    }

    private fun bytePlanes(pixels: ByteArray) {
        for (i in 0 until area) {
            bytes[i] = pixels[3 * i]
            bytes[area + i] = pixels[3 * i + 1]
            bytes[2 * area + i] = pixels[3 * i + 2]
        }
    }
}

private fun level(byte: Byte): Float = (byte.toInt() and 0xff).toFloat()
