package org.mobilevit.image

private const val HALF = 1 shl (WEIGHT_BITS - 1)

/**
 * Resizes the width of `rows` rows of RGB pixels.
 *
 * @param stride from one row of [source] to the next, in pixels.
 * @param origin where the first row's column 0 is or would be, in pixels.
 * @param target is written from 0, without gaps.
 */
internal fun across(
    taps: Taps,
    source: ByteArray,
    stride: Int,
    origin: Int,
    rows: Int,
    target: ByteArray,
) {
    val first = taps.first
    val starts = taps.starts
    val weights = taps.weights
    var to = 0
    for (row in 0 until rows) {
        val line = origin + row * stride
        for (column in first.indices) {
            var from = 3 * (line + first[column])
            var red = HALF
            var green = HALF
            var blue = HALF
            for (i in starts[column] until starts[column + 1]) {
                val weight = weights[i]
                red += weight * (source[from].toInt() and 0xff)
                green += weight * (source[from + 1].toInt() and 0xff)
                blue += weight * (source[from + 2].toInt() and 0xff)
                from += 3
            }
            target[to] = rounded(red)
            target[to + 1] = rounded(green)
            target[to + 2] = rounded(blue)
            to += 3
        }
    }
}

/**
 * Resizes the height of rows that are as long as [sums].
 *
 * @param stride from one row of [source] to the next, in bytes.
 * @param origin where row 0 starts or would start, in bytes.
 * @param sums is overwritten.
 * @param target is written from 0, without gaps.
 */
internal fun down(
    taps: Taps,
    source: ByteArray,
    stride: Int,
    origin: Int,
    sums: IntArray,
    target: ByteArray,
) {
    var to = 0
    for (row in taps.first.indices) {
        sums.fill(HALF)
        var from = origin + taps.first[row] * stride
        for (i in taps.starts[row] until taps.starts[row + 1]) {
            val weight = taps.weights[i]
            for (x in sums.indices) sums[x] += weight * (source[from + x].toInt() and 0xff)
            from += stride
        }
        for (x in sums.indices) target[to + x] = rounded(sums[x])
        to += sums.size
    }
}

/** Within a byte's range, which a bicubic kernel leaves. */
private fun rounded(sum: Int): Byte = (sum shr WEIGHT_BITS).coerceIn(0, 255).toByte()
