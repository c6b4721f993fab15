package org.mobilevit.demo

import android.Manifest
import android.content.ComponentCallbacks2
import android.content.Intent
import android.content.pm.PackageManager
import android.hardware.camera2.CameraManager
import android.os.PowerManager
import android.provider.Settings
import android.view.View
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotSame
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric.buildActivity
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(application = JvmApplication::class, qualifiers = "w411dp-h891dp-port-xhdpi")
class LiveActivityTest {
    private val app get() = RuntimeEnvironment.getApplication() as DemoApplication
    private val permission = Manifest.permission.CAMERA

    private fun open(): ActivityController<LiveActivity> =
        buildActivity(LiveActivity::class.java).setup()

    private fun openWithCamera(): ActivityController<LiveActivity> {
        addCamera()
        shadowOf(app).grantPermissions(permission)
        return open().also { it.get().drawPreview() }
    }

    private fun waitForModel() = waitUntil("the model") {
        app.model.state.value is Model.Ready && app.selfTest.state.value !is SelfTestState.Running
    }

    private fun LiveActivity.answer(granted: Boolean, again: Boolean) {
        if (granted) shadowOf(app).grantPermissions(permission)
        shadowOf(packageManager).setShouldShowRequestPermissionRationale(permission, again)
        val answer = if (granted) {
            PackageManager.PERMISSION_GRANTED
        } else {
            PackageManager.PERMISSION_DENIED
        }
        onRequestPermissionsResult(0, arrayOf(permission), intArrayOf(answer))
    }

    @Test
    fun `what the camera sees has the label that Python gives it`() {
        val screen = openWithCamera().get()
        waitForModel()
        waitUntil("the camera") { screen.cameraState is CameraState.Running }
        for (golden in Golden.all()) {
            repeat(2) {
                val frame = screen.see(picture(golden.file))
                assertTrue("the frame is given back", frame.closed)
                // the second one is looked at when the first one is through
                waitUntil("the label") {
                    screen.see(picture(golden.file))
                    golden.label in screen.shownText().lines()
                }
            }
            assertTrue(screen.shownText(), "TFLite · XNNPACK" in screen.shownText())
        }
    }

    @Test
    fun `a screen reader hears a label once, and the percentage when it asks`() {
        val screen = openWithCamera().get()
        waitForModel()
        val picture = picture(Golden.all().first().file)
        val card = screen.findViewById<View>(R.id.result)
        val said = mutableSetOf<CharSequence?>()
        repeat(30) {
            screen.see(picture)
            waitUntil("a frame") { screen.shownText().isNotEmpty() }
            Thread.sleep(10)
            said += card.contentDescription
        }
        waitUntil("the label to be said") {
            screen.see(picture)
            card.contentDescription != null
        }
        assertTrue("${said.size} things were said", said.filterNotNull().size <= 1)
        assertEquals(View.ACCESSIBILITY_LIVE_REGION_POLITE, card.accessibilityLiveRegion)
        assertFalse(screen.findViewById<View>(R.id.percent).isImportantForAccessibility)
        assertTrue("%" in "${card.createAccessibilityNodeInfo().contentDescription}")
    }

    @Test
    fun `who does not allow the camera is told why, and may still choose photos`() {
        addCamera()
        val screen = open().get()
        assertEquals(
            permission,
            shadowOf(screen).lastRequestedPermission.requestedPermissions.single(),
        )
        screen.answer(granted = false, again = true)
        screen.waitForText("May the app see through the camera?")
        assertTrue("kept nowhere" in screen.shownText())
        screen.click(R.id.gallery)
        assertEquals(
            PhotoActivity::class.java.name,
            shadowOf(screen).nextStartedActivity.component?.className,
        )
        screen.click(R.id.problem_action)
        screen.answer(granted = true, again = false)
        screen.drawPreview()
        waitUntil("the camera") { screen.cameraState is CameraState.Running }
        assertFalse("May the app" in screen.shownText())
    }

    @Test
    fun `who does not allow it for good is led to the settings`() {
        addCamera()
        val screen = open().get()
        screen.answer(granted = false, again = false)
        screen.waitForText("The camera is switched off for this app")
        screen.click(R.id.problem_action)
        val started = shadowOf(screen).nextStartedActivity
        assertEquals(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, started.action)
        assertEquals("package:org.mobilevit.demo", "${started.data}")
    }

    @Test
    fun `a permission that is withdrawn while the app is away is asked for again`() {
        val controller = openWithCamera()
        val screen = controller.get()
        waitUntil("the camera") { screen.cameraState is CameraState.Running }
        controller.pause().stop()
        shadowOf(app).denyPermissions(permission)
        controller.start().resume()
        assertEquals(
            permission,
            shadowOf(screen).lastRequestedPermission.requestedPermissions.single(),
        )
        screen.answer(granted = false, again = true)
        screen.waitForText("May the app see through the camera?")
    }

    @Test
    fun `a device without a camera still takes photos`() {
        shadowOf(app).grantPermissions(permission)
        val screen = open().get()
        screen.drawPreview()
        screen.waitForText("This device has no camera")
        assertTrue(screen.findViewById<View>(R.id.gallery).isEnabled)
    }

    @Test
    fun `a camera that another app takes is said to have stopped, and opened again`() {
        val screen = openWithCamera().get()
        waitUntil("the camera") { screen.cameraState is CameraState.Running }
        val cameras = app.getSystemService(CameraManager::class.java)
        shadowOf(cameras).triggerDisconnect()
        screen.waitForText("The camera stopped")
        screen.click(R.id.problem_action)
        waitUntil("the camera") { screen.cameraState is CameraState.Running }
        assertFalse("The camera stopped" in screen.shownText())
    }

    @Test
    fun `the camera is given back while the app is away`() {
        val controller = openWithCamera()
        val screen = controller.get()
        waitUntil("the camera") { screen.cameraState is CameraState.Running }
        controller.pause()
        assertEquals(CameraState.Off, screen.cameraState)
        controller.resume()
        waitUntil("the camera") { screen.cameraState is CameraState.Running }
    }

    @Test
    fun `each way that a camera fails has its own words and a way out`() {
        val shown = CameraFailure.entries.associateWith {
            liveState(
                app.resources,
                Model.Opening,
                null,
                CameraPermission.GRANTED,
                CameraState.Failed(it),
                seen = false,
            ) as LiveState.Blocked
        }
        assertEquals(shown.size, shown.values.map { it.problem.title }.toSet().size)
        assertEquals(
            setOf(CameraFailure.NONE),
            shown.filterValues { it.problem.wayOut == null }.keys,
        )
    }

    @Test
    @Config(application = NoBundleApplication::class)
    fun `an app without a bundle says how to put one in`() {
        val screen = openWithCamera().get()
        screen.waitForText("The model cannot be opened")
        assertTrue(screen.shownText(), "`assets/none` is not a bundle" in screen.shownText())
        assertTrue(screen.shownText(), "mobilevit embed" in screen.shownText())
        screen.click(R.id.problem_action)
        screen.waitForText("The model cannot be opened")
    }

    @Test
    @Config(application = CorruptArtifactApplication::class)
    fun `a corrupt artifact is said not to open`() {
        val screen = openWithCamera().get()
        screen.waitForText("The model cannot be opened")
        assertTrue(screen.shownText(), "does not open the artifact" in screen.shownText())
    }

    @Test
    @Config(application = OtherHashApplication::class)
    fun `an artifact that is not the exported one is said to be another`() {
        val screen = openWithCamera().get()
        screen.waitForText("The model cannot be opened")
        assertTrue(screen.shownText(), "is not the file that was exported" in screen.shownText())
        assertTrue(screen.shownText(), "What helps: export the bundle again" in screen.shownText())
    }

    @Test
    @Config(application = NewerSchemaApplication::class)
    fun `a bundle of a newer format is said to be newer`() {
        val screen = openWithCamera().get()
        screen.waitForText("The model cannot be opened")
        assertTrue(screen.shownText(), "99" in screen.shownText())
    }

    @Test
    @Config(application = RefusingDelegateApplication::class)
    fun `a delegate that refuses is told on the screen, with what runs instead`() {
        val screen = openWithCamera().get()
        waitForModel()
        waitUntil("the label") {
            screen.see(picture(Golden.all().first().file))
            Golden.all().first().label in screen.shownText()
        }
        assertTrue(screen.shownText(), "TFLite · XNNPACK" in screen.shownText())
        assertTrue(screen.shownText(), "the GPU of this phone does not take" in screen.shownText())
    }

    @Test
    fun `the first start says what the self-test found, until it is read`() {
        val controller = openWithCamera()
        val screen = controller.get()
        screen.waitForText("This phone computes what the training computed")
        screen.click(R.id.notice)
        assertEquals(
            SelfTestActivity::class.java.name,
            shadowOf(screen).nextStartedActivity.component?.className,
        )
        controller.pause().stop()
        buildActivity(SelfTestActivity::class.java).setup()
        controller.start().resume()
        assertFalse("This phone computes" in screen.shownText())
    }

    @Test
    @Config(application = DamagedWeightsApplication::class)
    fun `a phone that computes wrong is told so as long as it does`() {
        val screen = openWithCamera().get()
        screen.waitForText("Do not rely on its labels")
        buildActivity(SelfTestActivity::class.java).setup()
        assertTrue("Do not rely on its labels" in screen.shownText())
    }

    @Test
    fun `a phone that is warm says so`() {
        val screen = openWithCamera().get()
        val power = shadowOf(app.getSystemService(PowerManager::class.java))
        assertFalse("Phone is" in screen.shownText())
        power.setCurrentThermalStatus(PowerManager.THERMAL_STATUS_MODERATE)
        screen.waitForText("Phone is warm: slower")
        power.setCurrentThermalStatus(PowerManager.THERMAL_STATUS_SEVERE)
        screen.waitForText("Phone is hot")
        power.setCurrentThermalStatus(PowerManager.THERMAL_STATUS_NONE)
        waitUntil("the phone to cool") { "Phone is" !in screen.shownText() }
    }

    @Test
    fun `low memory in the background frees the model, and coming back opens another one`() {
        val controller = openWithCamera()
        waitForModel()
        val first = (app.model.state.value as Model.Ready).classifier
        controller.pause().stop()
        app.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        assertEquals(Model.Closed, app.model.state.value)
        assertNull(controller.get().frames.classifier)
        controller.start().resume()
        waitForModel()
        assertNotSame(first, (app.model.state.value as Model.Ready).classifier)
        waitUntil("the label") {
            controller.get().see(picture(Golden.all().first().file))
            Golden.all().first().label in controller.get().shownText()
        }
    }

    @Test
    fun `turned, the screen shares the model that is open`() {
        val controller = openWithCamera()
        waitForModel()
        val model = app.model.state.value
        val first = controller.get()
        RuntimeEnvironment.setQualifiers("+land")
        controller.configurationChange()
        assertNotSame(first, controller.get())
        assertEquals(model, app.model.state.value)
        assertNull("the first activity has no model any more", first.frames.classifier)
        controller.get().drawPreview()
        waitUntil("the label") {
            controller.get().see(picture(Golden.all().first().file))
            Golden.all().first().label in controller.get().shownText()
        }
    }

    @Test
    fun `every button is large enough for a finger`() {
        val screen = openWithCamera().get()
        val least = (48 * screen.resources.displayMetrics.density).toInt()
        for (id in listOf(R.id.gallery, R.id.benchmark, R.id.self_test)) {
            val button = screen.findViewById<View>(id)
            assertTrue(button.width >= least && button.height >= least)
        }
    }

    @Test
    fun `the buttons lead to the other screens`() {
        val screen = openWithCamera().get()
        val targets = mapOf(
            R.id.gallery to PhotoActivity::class,
            R.id.benchmark to BenchmarkActivity::class,
            R.id.self_test to SelfTestActivity::class,
        )
        for ((button, target) in targets) {
            screen.click(button)
            val started: Intent = shadowOf(screen).nextStartedActivity
            assertEquals(target.java.name, started.component?.className)
        }
    }
}
