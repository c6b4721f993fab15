package org.mobilevit.android

import org.mobilevit.RefusedException

/**
 * What LiteRT throws in [work], as [RefusedException]. It documents none of these kinds, and its
 * sources have them all: a model that is no model, a tensor of another size, an operation or a
 * delegate that fails, a library that is not there.
 */
internal inline fun <T> refusing(refusal: String, hint: String? = null, work: () -> T): T = try {
    work()
} catch (error: IllegalArgumentException) {
    throw refused(refusal, hint, error)
} catch (error: IllegalStateException) {
    throw refused(refusal, hint, error)
} catch (error: UnsupportedOperationException) {
    throw refused(refusal, hint, error)
} catch (error: LinkageError) {
    throw refused(refusal, hint, error)
}

internal fun refused(refusal: String, hint: String?, error: Throwable): RefusedException {
    val reason = error.message?.lineSequence()?.map { it.trim() }?.firstOrNull { it.isNotEmpty() }
    return RefusedException(
        "$refusal: ${reason?.trimEnd('.') ?: error.javaClass.simpleName}",
        hint,
        error,
    )
}
