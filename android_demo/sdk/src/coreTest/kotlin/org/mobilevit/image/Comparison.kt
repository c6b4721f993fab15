package org.mobilevit.image

import kotlin.math.abs
import org.mobilevit.bundle.PixelTolerance

/** How far pixels are from others, in levels. */
internal data class Difference(val max: Int, val mean: Double) {
    fun within(tolerance: PixelTolerance): Boolean =
        max <= tolerance.maxDifference && mean <= tolerance.meanDifference
}

internal fun difference(expected: ByteArray, actual: ByteArray): Difference {
    require(expected.size == actual.size) { "${actual.size} bytes for ${expected.size}" }
    val levels = expected.indices.map { i ->
        abs((expected[i].toInt() and 255) - (actual[i].toInt() and 255))
    }
    return Difference(levels.max(), levels.average())
}
