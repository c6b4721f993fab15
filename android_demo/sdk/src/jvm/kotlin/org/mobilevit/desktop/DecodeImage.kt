package org.mobilevit.desktop

import java.awt.image.BufferedImage
import java.awt.image.ComponentColorModel
import java.io.ByteArrayInputStream
import java.io.IOException
import javax.imageio.ImageIO
import javax.imageio.ImageReader
import javax.imageio.event.IIOReadWarningListener
import javax.imageio.stream.MemoryCacheImageInputStream
import org.mobilevit.ImageException
import org.mobilevit.image.RgbImage
import org.mobilevit.image.orientation
import org.mobilevit.image.requireReasonableSize
import org.mobilevit.image.upright

/** What is tried; plugins that happen to be on the class path read more, some of it by programs. */
private val FORMATS = listOf("JPEG", "png", "bmp", "gif")

/**
 * The bytes of a JPEG, PNG, BMP or GIF file, made an upright image by step 1 of preprocessing: of 16
 * bits a channel the upper 8 are kept, gray goes into each channel, alpha is dropped and the colours
 * beside it stay as stored; colour profiles are not applied.
 *
 * @throws ImageException empty, no image, damaged, cut off, or too large.
 */
fun decodeImage(file: ByteArray): RgbImage {
    if (file.isEmpty()) throw ImageException("the image is empty", "give a JPEG or PNG file")
    return try {
        upright(rgb(decode(file)), orientation(file))
    } catch (error: IOException) {
        throw damaged(error)
    } catch (error: OutOfMemoryError) {
        throw ImageException(
            "the image is too large for this machine's memory",
            "give a smaller image",
            error,
        )
    }
}

private fun decode(file: ByteArray): BufferedImage =
    MemoryCacheImageInputStream(ByteArrayInputStream(file)).use { stream ->
        val reader = ImageIO.getImageReaders(stream).asSequence().find { it.formatName in FORMATS }
            ?: throw ImageException(
                "the image is not one that can be read here",
                "readable are ${FORMATS.joinToString { it.uppercase() }}",
            )
        try {
            reader.setInput(stream, true, true)
            requireReasonableSize(reader.getWidth(0), reader.getHeight(0), file.size.toLong())
            reader.readWhole()
        } catch (error: RuntimeException) {
            // not documented, and thrown on damaged files: IllegalArgument, IndexOutOfBounds,
            // NegativeArraySize, NullPointer, ClassCast, IllegalState
            throw damaged(error)
        } finally {
            reader.dispose()
        }
    }

/** Fails where the file ends early, for which the JPEG reader has a warning only. */
private fun ImageReader.readWhole(): BufferedImage {
    var cutOff: String? = null
    addIIOReadWarningListener { _, warning ->
        if (warning.startsWith("Truncated File")) cutOff = warning
    }
    val image = read(0)
    cutOff?.let { throw IOException(it) }
    return image
}

private fun damaged(error: Exception): ImageException {
    val reason = (error.message ?: error.javaClass.simpleName).trim().trimEnd('.')
    return ImageException("the image cannot be decoded: $reason", "give an intact image", error)
}

private fun rgb(image: BufferedImage): RgbImage {
    val bytes = ByteArray(3 * image.width * image.height)
    // a color model would convert gray by its gamma, and by profiles; the raster is as stored
    if (image.colorModel is ComponentColorModel) {
        copySamples(image, bytes)
    } else {
        copyArgb(image, bytes)
    }
    return RgbImage(image.width, image.height, bytes)
}

private fun copySamples(image: BufferedImage, bytes: ByteArray) {
    val bands = image.raster.numBands
    val red = 0
    val green = if (bands >= 3) 1 else 0
    val blue = if (bands >= 3) 2 else 0
    val shift = image.raster.sampleModel.getSampleSize(0) - 8
    val row = IntArray(image.width * bands)
    var to = 0
    for (y in 0 until image.height) {
        image.raster.getPixels(0, y, image.width, 1, row)
        for (from in row.indices step bands) {
            bytes[to] = (row[from + red] shr shift).toByte()
            bytes[to + 1] = (row[from + green] shr shift).toByte()
            bytes[to + 2] = (row[from + blue] shr shift).toByte()
            to += 3
        }
    }
}

/** Palettes and packed pixels. */
private fun copyArgb(image: BufferedImage, bytes: ByteArray) {
    val row = IntArray(image.width)
    var to = 0
    for (y in 0 until image.height) {
        image.getRGB(0, y, image.width, 1, row, 0, image.width)
        for (argb in row) {
            bytes[to] = (argb shr 16).toByte()
            bytes[to + 1] = (argb shr 8).toByte()
            bytes[to + 2] = argb.toByte()
            to += 3
        }
    }
}
