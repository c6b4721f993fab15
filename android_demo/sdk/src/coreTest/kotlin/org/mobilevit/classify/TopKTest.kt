package org.mobilevit.classify

import kotlin.random.Random
import org.junit.Assert.assertArrayEquals
import org.junit.Test

class TopKTest {
    @Test
    fun `the largest come first, equal ones in their own order`() {
        val values = floatArrayOf(0.1f, 0.3f, 0.2f, 0.3f, 0.1f)
        assertArrayEquals(intArrayOf(1, 3, 2), topK(values, 3))
        assertArrayEquals(intArrayOf(1, 3, 2, 0, 4), topK(values, 5))
    }

    @Test
    fun `there are no more than values`() {
        assertArrayEquals(intArrayOf(1, 0), topK(floatArrayOf(0.4f, 0.6f), 1000))
    }

    @Test
    fun `what is not a number comes last`() {
        val values = floatArrayOf(Float.NaN, 0.5f, Float.NaN, Float.NEGATIVE_INFINITY)
        assertArrayEquals(intArrayOf(1, 3, 0, 2), topK(values, 4))
    }

    @Test
    fun `it is a stable sort, cut off`() {
        val random = Random(0)
        repeat(500) {
            val values = FloatArray(random.nextInt(1, 40)) { random.nextInt(8) / 8f }
            val sorted = values.indices.sortedByDescending { values[it] }
            val count = random.nextInt(1, 45)
            assertArrayEquals(sorted.take(count).toIntArray(), topK(values, count))
        }
    }
}
