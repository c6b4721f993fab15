package org.mobilevit.benchmark

import java.util.Random

/**
 * Fixed work on one core, of which a change in time is a change of the machine: it multiplies
 * matrices (arithmetic, within a core's own caches) and copies memory (beyond them), as the Python
 * runner's does, in its own amounts: a product in Kotlin takes longer than NumPy's. Readings are
 * compared within a run only. Allocates nothing once made.
 */
internal class Sentinel : TimedRun {
    private val matrix = FloatArray(SIDE * SIDE)
    private val product = FloatArray(SIDE * SIDE)
    private val source = ByteArray(COPIED_BYTES)
    private val target = ByteArray(COPIED_BYTES)

    init {
        val random = Random(0)
        for (i in matrix.indices) matrix[i] = random.nextGaussian().toFloat()
        random.nextBytes(source)
    }

    override fun takeNs(): Long {
        val start = System.nanoTime()
        repeat(REPEATS) {
            multiply()
            System.arraycopy(source, 0, target, 0, COPIED_BYTES)
        }
        return (System.nanoTime() - start).coerceAtLeast(1)
    }

    /** `product = matrix * matrix`, rows by rows, so that the innermost loop can be vectorised. */
    private fun multiply() {
        product.fill(0f)
        for (row in 0 until SIDE) {
            val to = row * SIDE
            for (k in 0 until SIDE) addScaledRow(matrix[to + k], k * SIDE, to)
        }
    }

    private fun addScaledRow(factor: Float, from: Int, to: Int) {
        for (i in 0 until SIDE) product[to + i] += factor * matrix[from + i]
    }

    private companion object {
        const val SIDE = 128
        const val COPIED_BYTES = 1 shl 22
        const val REPEATS = 3
    }
}
