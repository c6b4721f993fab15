package org.mobilevit.android

import android.annotation.TargetApi
import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.ColorSpace
import android.graphics.ImageDecoder
import android.net.Uri
import android.os.Build
import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import org.mobilevit.ImageException
import org.mobilevit.bundle.Preprocessing
import org.mobilevit.image.RgbImage
import org.mobilevit.image.decodePng16
import org.mobilevit.image.orientation
import org.mobilevit.image.requireReasonableSize
import org.mobilevit.image.upright

/** Photos have a few; a file of more is not read to its end. */
private const val MAX_FILE_BYTES = 256 shl 20

/** Pixels that are decoded on any phone, before an image is decoded at a half of its size. */
private const val SMALLEST_BUDGET = 16_000_000L

/** Of an image while it is turned: 3 before and 3 after. */
private const val BYTES_A_PIXEL = 6

/**
 * An image that another app offers, such as the photo picker, made upright.
 *
 * @throws ImageException it cannot be read any more, or see the other [decodeImage].
 */
fun decodeImage(resolver: ContentResolver, uri: Uri, record: Preprocessing): RgbImage {
    val file = try {
        resolver.openInputStream(uri)?.use { it.readAtMost(MAX_FILE_BYTES) }
    } catch (error: IOException) {
        throw unreadable(error)
    } catch (error: RuntimeException) {
        // whatever the other app throws comes here; SecurityException, where the permission ended
        // with the screen that was given it
        throw unreadable(error)
    } catch (error: OutOfMemoryError) {
        throw tooLarge(error)
    }
    return decodeImage(file ?: throw unreadable(null), record)
}

/**
 * The bytes of an image file, made an upright image by step 1 of preprocessing, as far as Android's
 * decoders go: of an interlaced PNG of 16 bits a channel they round to 8, and a profile that is no
 * colour space of Android's they apply.
 *
 * An image of more pixels than [memory] bytes of heap allow is decoded at a half, a quarter and so
 * on of its size, though never at less than twice that of the crop.
 *
 * @throws ImageException empty, no image, damaged, or too large.
 */
fun decodeImage(
    file: ByteArray,
    record: Preprocessing,
    memory: Long = Runtime.getRuntime().maxMemory(),
): RgbImage {
    if (file.isEmpty()) throw ImageException("the image is empty", "choose another one")
    return try {
        val bounds = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        BitmapFactory.decodeByteArray(file, 0, file.size, bounds)
        if (bounds.outWidth < 0 || bounds.outHeight < 0) {
            throw ImageException(
                "this is not an image that can be read here",
                "choose a JPEG, PNG or WebP file",
            )
        }
        requireReasonableSize(bounds.outWidth, bounds.outHeight, file.size.toLong())
        val sampling = sampling(bounds.outWidth, bounds.outHeight, record, memory)
        val turn = orientation(file)
        // whether ImageDecoder turns a PNG depends on the version of Android
        val ownTurn = turn != 1 && bounds.outMimeType == "image/png"
        val exact = if (sampling == 1) decodePng16(file) else null // Android would round
        when {
            exact != null -> upright(exact, turn)
            Build.VERSION.SDK_INT >= 28 && !ownTurn -> decodeUpright(file, sampling)
            else -> upright(decodeAsStored(file, sampling), turn)
        }
    } catch (error: IOException) { // ImageDecoder.DecodeException among them
        throw damaged(error.message, error)
    } catch (error: OutOfMemoryError) {
        throw tooLarge(error)
    }
}

/** A power of two, by which an image fits into the memory. */
internal fun sampling(width: Int, height: Int, record: Preprocessing, memory: Long): Int {
    val budget = maxOf(SMALLEST_BUDGET, memory / 4 / BYTES_A_PIXEL)
    var sampling = 1
    while (
        (width / sampling).toLong() * (height / sampling) > budget &&
        width / (2 * sampling) >= 2 * record.width &&
        height / (2 * sampling) >= 2 * record.height
    ) {
        sampling *= 2
    }
    return sampling
}

/** Turns by EXIF itself. */
@TargetApi(28)
internal fun decodeUpright(file: ByteArray, sampling: Int): RgbImage =
    ImageDecoder.decodeBitmap(ImageDecoder.createSource(ByteBuffer.wrap(file))) { decoder, _, _ ->
        decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
        decoder.isUnpremultipliedRequired = true
        decoder.setTargetSampleSize(sampling)
    }.pixelsOnly()

internal fun decodeAsStored(file: ByteArray, sampling: Int): RgbImage {
    val options = BitmapFactory.Options().apply {
        inPremultiplied = false
        inScaled = false
        inSampleSize = sampling
    }
    val bitmap = BitmapFactory.decodeByteArray(file, 0, file.size, options)
        ?: throw damaged("its pixels are not those of an image", null)
    return bitmap.pixelsOnly()
}

/** The pixels of a bitmap that is ours, which is freed. */
private fun Bitmap.pixelsOnly(): RgbImage {
    // so that reading it converts nothing; a space of more than 0..1 cannot be called sRGB
    if (Build.VERSION.SDK_INT >= 29 && config == Bitmap.Config.ARGB_8888) {
        setColorSpace(ColorSpace.get(ColorSpace.Named.SRGB))
    }
    return toRgbImage().also { recycle() }
}

private fun InputStream.readAtMost(limit: Int): ByteArray {
    val bytes = ByteArrayOutputStream()
    val buffer = ByteArray(1 shl 16)
    while (true) {
        val count = read(buffer)
        if (count < 0) return bytes.toByteArray()
        if (bytes.size() + count > limit) {
            throw ImageException(
                "the file has more than ${limit shr 20} MB, as no photo has",
                "choose a smaller image",
            )
        }
        bytes.write(buffer, 0, count)
    }
}

private fun unreadable(cause: Exception?) = ImageException(
    "the image cannot be read" + (cause?.message?.let { ": $it" } ?: ""),
    "choose it again",
    cause,
)

private fun damaged(reason: String?, cause: Exception?) = ImageException(
    "the image cannot be decoded" + (reason?.let { ": ${it.trimEnd('.')}" } ?: ""),
    "choose an intact image",
    cause,
)

private fun tooLarge(cause: OutOfMemoryError) = ImageException(
    "the image is too large for this phone's memory",
    "choose a smaller image",
    cause,
)
