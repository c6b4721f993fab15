package org.mobilevit.image

import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.max
import kotlin.math.min
import org.mobilevit.bundle.Interpolation

/** Bits after the point of a weight: 8 of the pixel, one of the sign and one to spare are left. */
internal const val WEIGHT_BITS = 22

/**
 * What resizing one side takes from which pixels: output `i` is the sum of
 * `weights[starts[i] + j] * input[first[i] + j]`, for `starts[i] + j` below `starts[i + 1]`.
 *
 * The weights are those of Pillow's `Image.resize` for 8 bits a channel: the kernel is as wide as
 * the step between output pixels but no narrower than that of the input, is sampled at the centres
 * of pixels, cut at the borders, made to sum to 1, and rounded to [WEIGHT_BITS].
 */
internal class Taps(val first: IntArray, val starts: IntArray, val weights: IntArray) {
    /** Of outputs. */
    val count: Int get() = first.size

    /** The first input that any output takes. */
    val lowest: Int

    /** How many inputs there are from [lowest] to the last that any output takes. */
    val reach: Int

    init {
        var low = Int.MAX_VALUE
        var high = 0
        for (i in first.indices) {
            low = min(low, first[i])
            high = max(high, first[i] + starts[i + 1] - starts[i])
        }
        lowest = low
        reach = high - low
    }
}

/** The taps of the `count` outputs in the middle, where `inSide` pixels are resized to `outSide`. */
internal fun taps(inSide: Int, outSide: Int, count: Int, interpolation: Interpolation): Taps {
    val offset = (outSide - count) / 2
    val scale = inSide.toDouble() / outSide
    val stretch = max(scale, 1.0)
    val support = stretch * interpolation.support
    val first = IntArray(count)
    val starts = IntArray(count + 1)
    val most = min(inSide, 2 * ceil(support).toInt() + 1)
    val sampled = DoubleArray(most)
    val weights = IntArray(most * count)
    var end = 0
    for (i in 0 until count) {
        val center = (offset + i + 0.5) * scale
        val low = max(0, (center - support + 0.5).toInt())
        val high = min(inSide, (center + support + 0.5).toInt())
        var sum = 0.0
        for (j in 0 until high - low) {
            sampled[j] = interpolation.kernel((j + low - center + 0.5) * (1.0 / stretch))
            sum += sampled[j]
        }
        first[i] = low
        for (j in 0 until high - low) {
            val weight = sampled[j] / sum * (1 shl WEIGHT_BITS)
            weights[end++] = (if (weight < 0) weight - 0.5 else weight + 0.5).toInt()
        }
        starts[i + 1] = end
    }
    return Taps(first, starts, weights.copyOf(end))
}

/** How far the kernel reaches, in pixels of an image that is not made smaller. */
private val Interpolation.support: Double
    get() = when (this) {
        Interpolation.BILINEAR -> 1.0
        Interpolation.BICUBIC -> 2.0
    }

private fun Interpolation.kernel(at: Double): Double {
    val x = abs(at)
    return when (this) {
        Interpolation.BILINEAR -> if (x < 1) 1 - x else 0.0

        Interpolation.BICUBIC -> when { // Keys, a = -1/2
            x < 1 -> (1.5 * x - 2.5) * x * x + 1

            x < 2 -> (((x - 5) * x + 8) * x - 4) * -0.5

            else -> 0.0
        }
    }
}
