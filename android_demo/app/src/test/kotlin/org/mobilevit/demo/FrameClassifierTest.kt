package org.mobilevit.demo

import java.time.Duration
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.mobilevit.android.MobileViTClassifier
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowSystemClock

@RunWith(RobolectricTestRunner::class)
@Config(application = JvmApplication::class)
class FrameClassifierTest {
    private val app = RuntimeEnvironment.getApplication() as DemoApplication
    private val picture = picture(Golden.all().first().file)
    private var results = 0
    private val frames = FrameClassifier(app.main, { results++ }, { throw it })

    private fun open(): MobileViTClassifier {
        app.model.open()
        waitUntil("the model") { app.model.state.value is Model.Ready }
        return (app.model.state.value as Model.Ready).classifier.also { frames.classifier = it }
    }

    private fun offer(afterMs: Long) {
        ShadowSystemClock.advanceBy(Duration.ofMillis(afterMs))
        CameraFrame(picture).use(frames::offer)
    }

    /** Waits for what was asked of it until now. */
    private fun MobileViTClassifier.settle() {
        val last = classify(picture)
        waitUntil("the classifier") { last.isDone }
        waitUntil("the main thread") { true }
    }

    @Test
    fun `a frame passes by while another one is looked at`() {
        val classifier = open()
        repeat(5) { offer(afterMs = 100) }
        classifier.settle()
        assertEquals(1, results)
        offer(afterMs = 100)
        classifier.settle()
        assertEquals(2, results)
    }

    @Test
    fun `frames that come faster than ten a second pass by`() {
        val classifier = open()
        repeat(5) {
            offer(afterMs = 50)
            classifier.settle()
        }
        assertEquals(3, results)
    }

    @Test
    fun `a result of a model that was closed meanwhile is not told`() {
        val classifier = open()
        offer(afterMs = 100)
        frames.classifier = null
        classifier.settle()
        assertEquals(0, results)
    }
}
