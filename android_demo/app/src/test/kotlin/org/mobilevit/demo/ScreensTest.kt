package org.mobilevit.demo

import android.Manifest
import android.app.Activity
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Color
import android.graphics.Insets
import android.graphics.drawable.BitmapDrawable
import android.os.Handler
import android.os.Looper
import android.os.PowerManager
import android.view.Gravity
import android.view.PixelCopy
import android.view.View
import android.view.ViewGroup
import android.view.WindowInsets
import android.widget.TextView
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric.buildActivity
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config

/**
 * Draws every screen as phones and a tablet show it, into `android_demo/build/screens`, and refuses
 * one that cuts a text off. The system's bars are left empty; what the camera would show is a photo,
 * and the pictures say so in their names.
 */
@RunWith(RobolectricTestRunner::class)
@Config(application = JvmApplication::class)
class ScreensTest {
    private val app get() = RuntimeEnvironment.getApplication() as DemoApplication

    private enum class Device(val qualifiers: String, val fontScale: Float = 1f) {
        PORTRAIT("w411dp-h891dp-port-notnight-xhdpi"),
        NIGHT("w411dp-h891dp-port-night-xhdpi"),
        LANDSCAPE("w891dp-h411dp-land-notnight-xhdpi"),
        LANDSCAPE_NIGHT("w891dp-h411dp-land-night-xhdpi"),
        LARGE_FONT("w411dp-h891dp-port-notnight-xhdpi", 1.6f),
        LARGEST_FONT("w360dp-h640dp-port-notnight-xhdpi", 2f),
        LARGEST_FONT_LANDSCAPE("w640dp-h360dp-land-notnight-xhdpi", 2f),
        SMALL("w360dp-h640dp-port-notnight-xhdpi"),
        SMALL_LANDSCAPE("w640dp-h360dp-land-night-xhdpi"),
        TABLET("w800dp-h1280dp-port-notnight-mdpi"),
        TABLET_LANDSCAPE("w1280dp-h800dp-land-notnight-mdpi"),
    }

    private fun <T : Activity> onEach(
        name: String,
        open: () -> ActivityController<T>,
        settle: (T) -> Unit,
    ) {
        for (device in Device.entries) {
            RuntimeEnvironment.setQualifiers("+${device.qualifiers}")
            RuntimeEnvironment.setFontScale(device.fontScale)
            val controller = open()
            val activity = controller.get()
            activity.giveInsets()
            settle(activity)
            activity.giveInsets()
            val picture = activity.draw()
            assertEquals("$name on $device cuts off", emptyList<String>(), cutOff(activity))
            SCREENS.mkdirs()
            File(SCREENS, "$name ${device.name.lowercase().replace('_', ' ')}.png").outputStream()
                .use { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
            controller.pause().stop().destroy()
        }
    }

    private fun live(): ActivityController<LiveActivity> =
        buildActivity(LiveActivity::class.java).setup().also { it.get().drawPreview() }

    private fun liveWithCamera(): ActivityController<LiveActivity> {
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA)
        return live()
    }

    /** A photo where the camera's picture would be, classified as its frame. */
    private fun LiveActivity.seePhoto(file: File) {
        val photo = picture(file)
        val viewfinder = findViewById<View>(R.id.preview).parent as View
        val side = maxOf(viewfinder.width, viewfinder.height)
        val least = minOf(photo.width, photo.height)
        val filling = Bitmap.createScaledBitmap(
            photo,
            side * photo.width / least,
            side * photo.height / least,
            true,
        )
        viewfinder.background =
            BitmapDrawable(resources, filling).apply { gravity = Gravity.CENTER }
        waitUntil("the label") {
            see(photo)
            frames.classifier != null && findViewById<View>(R.id.result).visibility == View.VISIBLE
        }
    }

    @Test
    fun `live, with a photo for the camera's picture`() {
        addCamera()
        app.selfTest.run()
        waitUntil("the self-test") { app.selfTest.state.value is SelfTestState.Done }
        app.selfTest.markRead()
        onEach("live (photo as camera)", ::liveWithCamera) { it.seePhoto(screenPhoto()) }
    }

    @Test
    fun `live on the first start, warm`() {
        addCamera()
        shadowOf(app.getSystemService(PowerManager::class.java))
            .setCurrentThermalStatus(PowerManager.THERMAL_STATUS_MODERATE)
        app.selfTest.run()
        waitUntil("the self-test") { app.selfTest.state.value is SelfTestState.Done }
        onEach("live first start (photo as camera)", ::liveWithCamera) {
            it.seePhoto(screenPhoto())
        }
    }

    @Test
    fun `live, not allowed`() {
        addCamera()
        app.selfTest.run()
        waitUntil("the self-test") { app.selfTest.state.value is SelfTestState.Done }
        app.selfTest.markRead()
        onEach("live not allowed", ::live) {
            shadowOf(it.packageManager)
                .setShouldShowRequestPermissionRationale(Manifest.permission.CAMERA, true)
            it.onRequestPermissionsResult(0, arrayOf(Manifest.permission.CAMERA), intArrayOf(-1))
            it.waitForText("May the app see")
        }
    }

    @Test
    @Config(application = NoBundleApplication::class)
    fun `live, without a bundle`() {
        addCamera()
        onEach("live no bundle", ::liveWithCamera) { it.waitForText("cannot be opened") }
    }

    @Test
    fun `a photo`() {
        val intent = Intent(Intent.ACTION_VIEW)
            .setDataAndType(offered(screenPhoto().readBytes()), "image/*")
        onEach("photo", { buildActivity(PhotoActivity::class.java, intent).setup() }) {
            it.waitForText("%")
        }
    }

    @Test
    fun `a file that is no photo`() {
        val intent = Intent(Intent.ACTION_VIEW)
            .setDataAndType(offered("no photo".encodeToByteArray()), "image/*")
        onEach("photo refused", { buildActivity(PhotoActivity::class.java, intent).setup() }) {
            it.waitForText("cannot be used")
        }
    }

    @Test
    fun `a self-test that passed`() {
        onEach("self-test passed", { buildActivity(SelfTestActivity::class.java).setup() }) {
            it.waitForText("This phone computes what")
            it.waitForThumbnails()
        }
    }

    @Test
    @Config(application = DamagedWeightsApplication::class)
    fun `a self-test that failed`() {
        onEach("self-test failed", { buildActivity(SelfTestActivity::class.java).setup() }) {
            it.waitForText("This phone computes something else")
            it.waitForThumbnails()
        }
    }

    @Test
    fun `the benchmark`() {
        onEach("benchmark", { buildActivity(BenchmarkActivity::class.java).setup() }) {
            waitUntil("what there is to measure") { it.shownText().isNotEmpty() }
        }
    }

    private companion object {
        val SCREENS: File = File(System.getProperty("mobilevit.out")).resolveSibling("screens")
    }
}

private fun SelfTestActivity.waitForThumbnails() {
    val rows = findViewById<ViewGroup>(R.id.golden)
    waitUntil("the photos") {
        (0 until rows.childCount).all {
            val photo = rows.getChildAt(
                it,
            ).findViewById<android.widget.ImageView>(R.id.golden_photo)
            photo.drawable != null
        }
    }
}

/** Room for a status bar above and a gesture bar below. */
private fun Activity.giveInsets() {
    val density = resources.displayMetrics.density
    val insets = WindowInsets.Builder()
        .setInsets(WindowInsets.Type.statusBars(), Insets.of(0, (28 * density).toInt(), 0, 0))
        .setInsets(WindowInsets.Type.navigationBars(), Insets.of(0, 0, 0, (20 * density).toInt()))
        .build()
    window.decorView.dispatchApplyWindowInsets(insets)
    shadowOf(Looper.getMainLooper()).idle()
}

/** By the renderer that a phone has, with shadows and rounded corners. */
private fun Activity.draw(): Bitmap {
    System.setProperty("robolectric.pixelCopyRenderMode", "hardware")
    val view = window.decorView
    val picture = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888)
    picture.eraseColor(Color.BLACK)
    PixelCopy.request(window, picture, {}, Handler(Looper.getMainLooper()))
    shadowOf(Looper.getMainLooper()).idle()
    return picture
}

/** Texts that are laid out and do not fit their view, or the view its parent. */
private fun cutOff(activity: Activity): List<String> = cutOff(activity.window.decorView)

private fun cutOff(view: View): List<String> {
    if (view.visibility != View.VISIBLE) return emptyList()
    if (view is ViewGroup) return (0 until view.childCount).flatMap { cutOff(view.getChildAt(it)) }
    if (view !is TextView || view.text.isEmpty()) return emptyList()
    val layout = view.layout ?: return listOf("“${view.text}”: not laid out")
    val wide = (0 until layout.lineCount).any {
        layout.getLineMax(it) >
            view.width - view.compoundPaddingLeft - view.compoundPaddingRight + 1
    }
    val high =
        layout.height > view.height - view.compoundPaddingTop - view.compoundPaddingBottom + 1
    // a file's name may be longer than a line
    val split = '_' !in view.text && (0 until layout.lineCount - 1).any {
        val end = layout.getLineEnd(it)
        end < view.text.length && view.text[end - 1].isLetter() && view.text[end].isLetter()
    }
    return listOfNotNull(
        "“${view.text}”: too wide".takeIf { wide },
        "“${view.text}”: too high".takeIf { high },
        "“${view.text}”: a word is split".takeIf { split },
    )
}
