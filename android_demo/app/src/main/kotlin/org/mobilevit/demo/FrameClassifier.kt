package org.mobilevit.demo

import android.media.Image
import android.os.SystemClock
import java.util.concurrent.Executor
import java.util.concurrent.atomic.AtomicBoolean
import org.mobilevit.MobileViTException
import org.mobilevit.android.MobileViTClassifier
import org.mobilevit.classify.Classification

/**
 * Classifies the newest frame, one at a time; the others pass by.
 *
 * [onResult] and [onFailure] are called through [main].
 */
internal class FrameClassifier(
    private val main: Executor,
    private val onResult: (Classification) -> Unit,
    private val onFailure: (MobileViTException) -> Unit,
) {
    /** Null: frames pass by. */
    @Volatile
    var classifier: MobileViTClassifier? = null

    /** Degrees clockwise that make a frame upright. */
    @Volatile
    var rotation: Int = 0

    private val busy = AtomicBoolean()

    // of the thread that offers
    private var lastMs = 0L

    // has the frame that is looked at
    @Volatile
    private var asked: MobileViTClassifier? = null

    // one for all frames
    private val told = { result: Classification?, error: MobileViTException? ->
        busy.set(false)
        when {
            // closed meanwhile: nobody waits for it any more
            classifier !== asked -> Unit

            error != null -> onFailure(error)

            result != null -> onResult(result)
        }
    }

    /** Called on the camera's thread; the frame may be closed after it. */
    fun offer(frame: Image) {
        val classifier = classifier ?: return
        val now = SystemClock.uptimeMillis()
        if (now - lastMs < PERIOD_MS || !busy.compareAndSet(false, true)) return
        lastMs = now
        asked = classifier
        classifier.classify(frame, rotation, SHOWN).tell(main, told)
    }

    companion object {
        /** Labels that are shown of a frame. */
        const val SHOWN = 3

        // ten labels a second are as many as anyone reads, and the phone stays cooler
        private const val PERIOD_MS = 100L
    }
}
