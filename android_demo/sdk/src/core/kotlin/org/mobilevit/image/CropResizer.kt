package org.mobilevit.image

import java.math.BigDecimal
import java.math.RoundingMode
import kotlin.math.floor
import kotlin.math.max
import org.mobilevit.ImageException
import org.mobilevit.bundle.Preprocessing

/**
 * Resizes and crops images as [record] says, to the very bytes that `Image.resize` and `crop` of
 * Pillow 13 give. Only what the crop needs is computed. Nothing is allocated for an image that has
 * the size of the one before. Belongs to one thread at a time.
 */
class CropResizer(val record: Preprocessing) {
    /** Of a crop: `height * width * 3`. */
    val byteCount: Int = record.height * record.width * 3

    private var plan: Plan? = null

    /**
     * @param rgb at least `height * width * 3` bytes, row by row, red first.
     * @param pixels where the crop is written, from 0; at least [byteCount] bytes.
     * @throws ImageException it is so narrow that it would be resized to too many pixels.
     */
    fun resizeAndCrop(rgb: ByteArray, width: Int, height: Int, pixels: ByteArray) {
        require(rgb.size >= 3L * width * height) { "${rgb.size} bytes for ${width}x$height" }
        require(pixels.size >= byteCount) { "${pixels.size} bytes for a crop of $byteCount" }
        val plan = plan?.takeIf { it.width == width && it.height == height }
            ?: Plan(record, width, height).also { plan = it }
        plan.run(rgb, pixels)
    }
}

/** What depends on the size of an image, and not on its pixels. */
private class Plan(record: Preprocessing, val width: Int, val height: Int) {
    private val columns: Taps
    private val rows: Taps
    private val downFirst: Boolean

    /** What the first pass leaves to the second, rounded to 8 bits as Pillow does. */
    private val between: ByteArray
    private val sums: IntArray

    init {
        val factor = max(
            record.height.toDouble() / height,
            record.width.toDouble() / width,
        ) / record.cropFraction
        val newHeight = max(record.height.toLong(), floor(height * factor + 0.5).toLong())
        val newWidth = max(record.width.toLong(), floor(width * factor + 0.5).toLong())
        if (newHeight > MAX_PIXELS / newWidth) throw tooNarrow(factor)
        columns = taps(width, newWidth.toInt(), record.width, record.interpolation)
        rows = taps(height, newHeight.toInt(), record.height, record.interpolation)
        // which pass comes first shows in the last bit, and this is when Pillow 13 goes down first
        downFirst = newHeight < height && height - newHeight > 2 * (width - newWidth)
        if (downFirst) {
            sums = IntArray(3 * columns.reach)
            between = ByteArray(record.height * sums.size)
        } else {
            sums = IntArray(3 * record.width)
            between = ByteArray(rows.reach * sums.size)
        }
    }

    fun run(rgb: ByteArray, pixels: ByteArray) {
        if (downFirst) {
            down(rows, rgb, 3 * width, 3 * columns.lowest, sums, between)
            across(columns, between, columns.reach, -columns.lowest, rows.count, pixels)
        } else {
            across(columns, rgb, width, rows.lowest * width, rows.reach, between)
            down(rows, between, sums.size, -rows.lowest * sums.size, sums, pixels)
        }
    }

    private fun tooNarrow(factor: Double): ImageException {
        val times = BigDecimal(factor).setScale(0, RoundingMode.HALF_EVEN).toPlainString()
        return ImageException(
            "an image of ${width}x$height pixels is too narrow: its shorter side would be " +
                "enlarged $times times",
            "crop it first",
        )
    }
}
