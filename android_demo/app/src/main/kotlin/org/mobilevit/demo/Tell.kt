package org.mobilevit.demo

import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor
import org.mobilevit.MobileViTException

/**
 * Tells [told] through [main] how it ended: with a result, or with what the library says went wrong.
 *
 * Any other failure is a mistake in the app and ends it; in a future of its own it would be lost,
 * and a screen would wait for ever.
 */
internal fun <T> CompletableFuture<T>.tell(
    main: Executor,
    told: (T?, MobileViTException?) -> Unit,
) {
    whenComplete { result, error ->
        main.execute { told(result, error?.let { expected(it) ?: throw it }) }
    }
}

private fun expected(error: Throwable): MobileViTException? =
    generateSequence(error) { it.cause }.filterIsInstance<MobileViTException>().firstOrNull()
