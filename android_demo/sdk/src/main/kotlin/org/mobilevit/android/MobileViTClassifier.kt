package org.mobilevit.android

import android.content.Context
import android.graphics.Bitmap
import android.media.Image
import java.io.Closeable
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ConcurrentLinkedQueue
import org.mobilevit.ImageException
import org.mobilevit.InputException
import org.mobilevit.MobileViTException
import org.mobilevit.bundle.ArtifactRecord
import org.mobilevit.bundle.Bundle
import org.mobilevit.classify.Classification
import org.mobilevit.classify.OpenedClassifier
import org.mobilevit.classify.SelfTestResult
import org.mobilevit.classify.SerialWorker
import org.mobilevit.classify.chooseArtifact
import org.mobilevit.classify.openClassifier
import org.mobilevit.classify.selfTest
import org.mobilevit.image.RgbImage
import org.mobilevit.image.YuvConverter
import org.mobilevit.image.YuvFrame
import org.mobilevit.runtime.InferenceRuntime

/**
 * How a bundle is opened.
 *
 * @property artifact file name of one of the bundle's; null: the one a phone prefers.
 * @property delegate of the runtime; null: its first.
 * @property fallback whether the runtime's first delegate is tried where [delegate] refuses the
 *   model; [MobileViTClassifier.refusal] then says why.
 * @property runtimes what may open an artifact, the preferred one first; null: [availableRuntimes].
 */
data class Options(
    val artifact: String? = null,
    val delegate: String? = null,
    val threads: Int = 2,
    val fallback: Boolean = true,
    val runtimes: List<InferenceRuntime>? = null,
)

/**
 * Labels for images, from a bundle among the app's assets. Everything runs on a thread of its own,
 * in the order asked for; the methods may be called on any thread.
 *
 * What is asked for waits in a queue without end. Of a camera's frames, which come faster than they
 * are classified, an app gives the newest when the answer to the one before has come, and drops the
 * others; a future that is cancelled before its turn costs nothing more.
 */
class MobileViTClassifier private constructor(
    private val worker: SerialWorker,
    private val opened: OpenedClassifier,
    /** What opened the artifact. */
    val runtime: InferenceRuntime,
) : Closeable {
    private val classifier get() = opened.classifier
    private val freeCopies = ConcurrentLinkedQueue<FrameCopy>()

    // of the worker's thread
    private val converter = YuvConverter()
    private var rgb = ByteArray(0)

    val bundle: Bundle get() = classifier.bundle
    val artifact: ArtifactRecord get() = classifier.artifact

    /** What really runs the model, in the runtime's words. */
    val delegate: String get() = classifier.delegate

    /** Why the delegate that was asked for does not run the model; null: it does. */
    val refusal: String? get() = opened.refusal

    /** Fails with [org.mobilevit.MobileViTException]. The bitmap is read before this returns. */
    fun classify(bitmap: Bitmap, top: Int = 5): CompletableFuture<Classification> {
        if (bitmap.isRecycled) return failed(ImageException("the bitmap was recycled"))
        val image =
            try {
                bitmap.toRgbImage()
            } catch (error: ImageException) {
                return failed(error)
            } catch (error: OutOfMemoryError) {
                return failed(tooLarge(bitmap.width, bitmap.height, error))
            }
        return classify(image, top)
    }

    /**
     * An image as [decodeImage] gives it; its bytes stay as they are until the answer comes.
     *
     * Fails with [org.mobilevit.MobileViTException].
     */
    fun classify(image: RgbImage, top: Int = 5): CompletableFuture<Classification> =
        worker.submit { classifier.classify(image, top) }

    /**
     * A camera's frame, YUV_420_888. Its planes are copied before this returns, so it may be closed.
     *
     * Fails with [org.mobilevit.MobileViTException].
     *
     * @param rotationDegrees clockwise, that makes it upright: 0, 90, 180 or 270.
     */
    fun classify(
        frame: Image,
        rotationDegrees: Int,
        top: Int = 5,
    ): CompletableFuture<Classification> {
        if (rotationDegrees !in QUARTER_TURNS) {
            return failed(InputException("$rotationDegrees degrees are no quarter turn"))
        }
        val copy = freeCopies.poll() ?: FrameCopy()
        val copied =
            try {
                copy.of(frame)
            } catch (error: ImageException) {
                return failed(error)
            } catch (error: IllegalStateException) { // of android.media.Image
                return failed(ImageException("the frame was closed already", cause = error))
            } catch (error: OutOfMemoryError) {
                return failed(tooLarge(frame.width, frame.height, error))
            }
        return worker.submit {
            try {
                classify(copied, rotationDegrees, top)
            } finally {
                freeCopies.offer(copy)
            }
        }
    }

    private fun classify(frame: YuvFrame, rotationDegrees: Int, top: Int): Classification {
        val size = 3 * frame.width * frame.height
        if (rgb.size < size) rgb = ByteArray(size)
        converter.convert(frame, rotationDegrees, rgb)
        val lying = rotationDegrees % 180 != 0
        val width = if (lying) frame.height else frame.width
        val height = if (lying) frame.width else frame.height
        return classifier.classify(rgb, width, height, top)
    }

    /**
     * Runs the golden images and the preprocessing conformance set on this phone.
     *
     * Fails with [org.mobilevit.MobileViTException].
     */
    fun selfTest(): CompletableFuture<SelfTestResult> = worker.submit {
        selfTest(classifier) { decodeImage(it, bundle.manifest.preprocessing) }
    }

    /**
     * Lets what runs end, fails what waits and what is asked for later, and frees the runtime, on
     * its own thread: returns at once. A second time does nothing.
     */
    override fun close() = worker.close { classifier.close() }

    companion object {
        /**
         * Opens the bundle in `assets/[bundle]`, on a thread of its own. Cancelled, it closes what
         * was opened.
         *
         * Fails with [org.mobilevit.MobileViTException].
         */
        fun open(
            context: Context,
            bundle: String,
            options: Options = Options(),
        ): CompletableFuture<MobileViTClassifier> {
            val assets = context.applicationContext.assets
            val worker = SerialWorker("the classifier", "MobileViT")
            val opening = worker.submit {
                val opened = Bundle(AssetBundle(assets, bundle))
                val runtimes = options.runtimes ?: availableRuntimes()
                val choice = chooseArtifact(opened, runtimes, options.artifact)
                val (threads, fallback) = options.threads to options.fallback
                val result = openClassifier(opened, choice, threads, options.delegate, fallback)
                MobileViTClassifier(worker, result, choice.runtime)
            }
            // cancelled in its midst, it ends first, and closes what it opened
            opening.whenComplete { _, error -> if (error != null) worker.submit { worker.close() } }
            return opening
        }
    }
}

private val QUARTER_TURNS = setOf(0, 90, 180, 270)

private fun <T> failed(error: MobileViTException): CompletableFuture<T> =
    CompletableFuture<T>().apply { completeExceptionally(error) }

private fun tooLarge(width: Int, height: Int, cause: OutOfMemoryError) = ImageException(
    "an image of ${width}x$height pixels is too large for this phone's memory",
    "choose a smaller one",
    cause,
)
