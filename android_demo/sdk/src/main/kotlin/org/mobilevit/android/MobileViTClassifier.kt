package org.mobilevit.android

import android.content.Context
import android.graphics.Bitmap
import java.io.Closeable
import java.util.concurrent.CompletableFuture
import org.mobilevit.bundle.ArtifactRecord
import org.mobilevit.bundle.Bundle
import org.mobilevit.classify.Classification
import org.mobilevit.classify.SelfTestResult
import org.mobilevit.runtime.InferenceRuntime

/**
 * How a bundle is opened.
 *
 * @property artifact file name of one of the bundle's; null: the one a phone prefers.
 * @property delegate of the runtime; null: its first.
 * @property fallback whether the runtime's first delegate is tried where [delegate] refuses the
 *   model; [MobileViTClassifier.refusal] then says why.
 */
data class Options(
    val artifact: String? = null,
    val delegate: String? = null,
    val threads: Int = 2,
    val fallback: Boolean = true,
    val runtimes: List<InferenceRuntime>? = null,
)

/** Labels for images, from a bundle among the app's assets. Everything runs on a thread of its own. */
class MobileViTClassifier private constructor() : Closeable {
    val bundle: Bundle get() = TODO()
    val artifact: ArtifactRecord get() = TODO()
    val runtime: InferenceRuntime get() = TODO()

    /** What really runs the model, in the runtime's words. */
    val delegate: String get() = TODO()

    /** Why the delegate that was asked for does not run the model; null: it does. */
    val refusal: String? get() = TODO()

    /** Fails with [org.mobilevit.MobileViTException]. The bitmap is read before this returns. */
    fun classify(bitmap: Bitmap, top: Int = 5): CompletableFuture<Classification> = TODO()

    /** A camera's frame, YUV_420_888. Its planes are read before this returns, so it may be closed. */
    fun classify(frame: android.media.Image, rotationDegrees: Int, top: Int = 5): CompletableFuture<Classification> = TODO()

    fun selfTest(): CompletableFuture<SelfTestResult> = TODO()

    /** Ends what runs, and frees the runtime; a second time does nothing. */
    override fun close(): Unit = TODO()

    companion object {
        /**
         * Opens the bundle in `assets/[bundle]`, on a thread of its own.
         *
         * Fails with [org.mobilevit.MobileViTException].
         */
        fun open(context: Context, bundle: String, options: Options = Options()): CompletableFuture<MobileViTClassifier> = TODO()
    }
}
