package org.mobilevit.demo

import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric.buildActivity
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(application = JvmApplication::class)
class SelfTestActivityTest {
    private val app get() = RuntimeEnvironment.getApplication() as DemoApplication

    private fun open() = buildActivity(SelfTestActivity::class.java).setup()

    @Test
    fun `this machine computes what the training computed`() {
        val screen = open().get()
        screen.waitForText("This phone computes what the training computed")
        screen.waitForText("Trained on")
        val text = screen.shownText()
        assertTrue(text, "4 of 4 reference photos get the label of the training." in text)
        assertTrue(text, Regex("Probabilities differ by 0\\.0\\S* at most").containsMatchIn(text))
        for (golden in Golden.all()) assertTrue(text, golden.label in text)
        assertEquals(4, Regex("Same label · differs by").findAll(text).count())
        assertTrue(text, "mobilevit_xxs_fp16.tflite (fp16)" in text)
        assertTrue(text, "imagenette2-224/train, 9,469 pictures" in text)
    }

    @Test
    @Config(application = DamagedWeightsApplication::class)
    fun `a model with damaged weights is said to compute something else`() {
        val screen = open().get()
        screen.waitForText("This phone computes something else than the training did")
        val text = screen.shownText()
        assertTrue(text, "Do not rely on the labels" in text)
        assertFalse(text, "This phone computes what the training computed" in text)
    }

    @Test
    fun `a pass is remembered for this bundle and version, and run again when asked`() {
        val screen = open().get()
        screen.waitForText("This phone computes what the training computed")
        val later = laterStart(app.version)
        app.model.close()
        app.model.open()
        waitUntil("the model") { app.model.state.value is Model.Ready }
        assertEquals(SelfTestState.PassedBefore, later.state.value)
        assertEquals(
            "a version that was not tested is",
            SelfTestState.Running,
            laterStart("another version").state.value,
        )
        screen.click(R.id.again)
        waitUntil("another run") { app.selfTest.state.value is SelfTestState.Done }
    }

    @Test
    @Config(application = DamagedWeightsApplication::class)
    fun `a failure is told at each start`() {
        app.selfTest.run()
        waitUntil("the run") { app.selfTest.state.value is SelfTestState.Done }
        assertEquals(SelfTestState.Running, laterStart(app.version).state.value)
    }

    @Test
    @Config(application = OtherHashApplication::class)
    fun `a model that is not the exported one is not tested`() {
        val screen = open().get()
        screen.waitForText("The model cannot be opened")
        assertTrue(screen.shownText(), "is not the file that was exported" in screen.shownText())
    }

    @Test
    fun `turned in the middle of it, the verdict is shown once`() {
        val controller = open()
        assertTrue("Checking this phone…" in controller.get().shownText())
        RuntimeEnvironment.setQualifiers("+land")
        controller.configurationChange()
        controller.get().waitForText("This phone computes what the training computed")
        controller.recreate()
        controller.get().waitForText("4 of 4 reference photos")
    }

    /** As the next start of the app would have it. */
    private fun laterStart(version: String) = SelfTestRun(
        model = app.model,
        memory = app.getSharedPreferences("self-test", 0),
        appVersion = version,
        main = app.main,
    )
}
