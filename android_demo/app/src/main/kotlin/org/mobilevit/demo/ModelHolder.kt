package org.mobilevit.demo

import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor
import org.mobilevit.MobileViTException
import org.mobilevit.android.MobileViTClassifier

/** How far the app's classifier is. */
internal sealed interface Model {
    data object Closed : Model

    data object Opening : Model

    data class Ready(val classifier: MobileViTClassifier) : Model

    data class Failed(val cause: MobileViTException) : Model
}

/**
 * The one classifier of the process, which every screen shares and no rotation closes.
 *
 * Belongs to the main thread.
 */
internal class ModelHolder(
    private val main: Executor,
    private val start: () -> CompletableFuture<MobileViTClassifier>,
) {
    val state = Observable<Model>(Model.Closed)

    private var opening: CompletableFuture<MobileViTClassifier>? = null

    /** Opens the classifier, unless it is open or about to be. After a failure it tries again. */
    fun open() {
        if (state.value is Model.Opening || state.value is Model.Ready) return
        val started = start()
        opening = started
        state.value = Model.Opening
        started.tell(main) { classifier, error ->
            when {
                // closed while it opened
                opening !== started -> classifier?.close()

                error != null -> state.value = Model.Failed(error)

                classifier != null -> state.value = Model.Ready(classifier)
            }
        }
    }

    /** Frees the memory of the model; what still runs on it fails. */
    fun close() {
        opening = null
        val ready = state.value as? Model.Ready
        state.value = Model.Closed
        ready?.classifier?.close()
    }
}
