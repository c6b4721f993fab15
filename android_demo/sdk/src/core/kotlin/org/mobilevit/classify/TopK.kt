package org.mobilevit.classify

/**
 * The indices of the [count] largest of [values], largest first; of equal ones the first comes
 * first. There are no more than values; what is not a number comes last.
 */
fun topK(values: FloatArray, count: Int): IntArray {
    val top = IntArray(count.coerceAtMost(values.size))
    for (index in values.indices) {
        var place = index.coerceAtMost(top.size)
        while (place > 0 && isAbove(values[index], values[top[place - 1]])) place--
        if (place == top.size) continue
        top.copyInto(top, place + 1, place, index.coerceAtMost(top.size - 1))
        top[place] = index
    }
    return top
}

private fun isAbove(value: Float, other: Float): Boolean =
    value > other || (other.isNaN() && !value.isNaN())
