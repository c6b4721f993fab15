package org.mobilevit.demo

import android.graphics.Bitmap
import android.net.Uri
import java.io.Closeable
import java.util.concurrent.CompletableFuture
import java.util.function.Supplier
import org.mobilevit.MobileViTException
import org.mobilevit.android.MobileViTClassifier
import org.mobilevit.classify.Classification

/** What the photo screen shows. */
internal sealed interface PhotoState {
    /** Null: there is none, or none yet. */
    val photo: Bitmap?

    /** No photo is chosen yet. */
    data object Choosing : PhotoState {
        override val photo: Bitmap? get() = null
    }

    data class Looking(override val photo: Bitmap?) : PhotoState

    data class Named(
        override val photo: Bitmap,
        val result: Classification,
        val classifier: MobileViTClassifier,
    ) : PhotoState

    data class Failed(override val photo: Bitmap?, val title: Int, val cause: MobileViTException) :
        PhotoState
}

/**
 * A photo on its way to its labels. It outlives the activity that shows it, as long as a rotation
 * makes another one.
 *
 * Belongs to the main thread.
 */
internal class PhotoRun(private val app: DemoApplication) : Closeable {
    val state = Observable<PhotoState>(PhotoState.Choosing)

    /** What was chosen last. */
    var uri: Uri? = null
        private set

    // of what was asked last: what was asked before is not shown
    private var latest = Any()
    private val watching = app.model.state.observe(::modelIs)

    /** Reads the photo there, and classifies it; as soon as the model is open. */
    fun look(at: Uri) {
        uri = at
        state.value = PhotoState.Looking(null)
        val model = app.model.state.value
        // closed by a benchmark, on the other half of the screen
        if (model is Model.Closed) app.model.open() else modelIs(model)
    }

    /** No photo can even be chosen. */
    fun fail(cause: MobileViTException) {
        latest = Any()
        state.value = PhotoState.Failed(null, R.string.photo_failed_title, cause)
    }

    /** Opens the model anew; the photo then goes through it. */
    fun reopenModel() {
        app.model.close()
        state.value = PhotoState.Looking(state.value.photo)
        app.model.open()
    }

    override fun close() {
        latest = Any()
        watching.close()
    }

    private fun modelIs(model: Model) {
        val uri = uri ?: return
        if (state.value !is PhotoState.Looking) return
        val asked = Any()
        // where memory ran low, what was asked fails, and starts over when the model opens again
        latest = asked
        when (model) {
            Model.Closed, Model.Opening -> Unit
            is Model.Ready -> read(asked, uri, model.classifier)
            is Model.Failed -> fail(R.string.model_failed_title, model.cause)
        }
    }

    private fun read(asked: Any, uri: Uri, classifier: MobileViTClassifier) {
        val record = classifier.bundle.manifest.preprocessing
        CompletableFuture
            .supplyAsync(Supplier { readPhoto(app.contentResolver, uri, record) }, app.files)
            .tell(app.main) { photo, error ->
                when {
                    latest !== asked -> Unit
                    error != null -> fail(R.string.photo_failed_title, error)
                    photo != null -> classify(asked, photo, classifier)
                }
            }
    }

    private fun classify(asked: Any, photo: Photo, classifier: MobileViTClassifier) {
        state.value = PhotoState.Looking(photo.shown)
        classifier.classify(photo.image, SHOWN).tell(app.main) { result, error ->
            when {
                latest !== asked -> Unit

                error != null -> fail(R.string.model_run_failed_title, error)

                result != null ->
                    state.value = PhotoState.Named(photo.shown, result, classifier)
            }
        }
    }

    private fun fail(title: Int, cause: MobileViTException) {
        state.value = PhotoState.Failed(state.value.photo, title, cause)
    }

    companion object {
        /** Labels that are shown of a photo. */
        const val SHOWN = 5
    }
}
