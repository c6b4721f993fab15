package org.mobilevit.demo

import android.app.Activity
import android.content.Intent
import android.net.Uri
import android.provider.MediaStore
import android.view.View
import java.io.FileNotFoundException
import java.nio.ByteBuffer
import java.util.zip.CRC32
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
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
@Config(application = JvmApplication::class)
class PhotoActivityTest {
    private fun open(uri: Uri): ActivityController<PhotoActivity> {
        val intent = Intent(Intent.ACTION_VIEW).setDataAndType(uri, "image/*")
        return buildActivity(PhotoActivity::class.java, intent).setup()
    }

    @Test
    fun `a photo has the label and the probability that Python gives it`() {
        for (golden in Golden.all()) {
            val screen = open(offered(golden.file.readBytes())).get()
            screen.waitForText("${golden.percent}%")
            val lines = screen.shownText().lines()
            assertEquals(golden.label, lines[lines.indexOf("${golden.percent}%") - 1])
            assertTrue(screen.shownText(), "TFLite · XNNPACK" in screen.shownText())
            val card = screen.findViewById<View>(R.id.result)
            assertTrue(
                "${card.contentDescription}".startsWith("${golden.label}, ${golden.percent}%"),
            )
        }
    }

    @Test
    fun `the picker is opened, and what it gives is classified`() {
        val screen = buildActivity(PhotoActivity::class.java).setup().get()
        val asked = shadowOf(screen).nextStartedActivityForResult.intent
        assertEquals(MediaStore.ACTION_PICK_IMAGES, asked.action)
        val golden = Golden.all().first()
        val picked = Intent().setData(offered(golden.file.readBytes()))
        shadowOf(screen).receiveResult(asked, Activity.RESULT_OK, picked)
        screen.waitForText(golden.label)
    }

    @Test
    fun `a picker that is left without a choice leads back`() {
        val screen = buildActivity(PhotoActivity::class.java).setup().get()
        val asked = shadowOf(screen).nextStartedActivityForResult.intent
        shadowOf(screen).receiveResult(asked, Activity.RESULT_CANCELED, null)
        assertTrue(screen.isFinishing)
    }

    @Test
    fun `a shared photo is classified`() {
        val golden = Golden.all().first()
        val intent = Intent(Intent.ACTION_SEND)
            .putExtra(Intent.EXTRA_STREAM, offered(golden.file.readBytes()))
        val screen = buildActivity(PhotoActivity::class.java, intent).setup().get()
        screen.waitForText(golden.label)
    }

    @Test
    fun `an app that shares something else than an address leads to the picker`() {
        val intent = Intent(Intent.ACTION_SEND).putExtra(Intent.EXTRA_STREAM, Intent())
        val screen = buildActivity(PhotoActivity::class.java, intent).setup().get()
        val asked = shadowOf(screen).nextStartedActivityForResult.intent
        assertEquals(MediaStore.ACTION_PICK_IMAGES, asked.action)
    }

    @Test
    fun `an address of a file, maybe of this app's own, is refused`() {
        val photo = Golden.all().first().file
        val screen = open(Uri.fromFile(photo)).get()
        screen.waitForText("The photo is not offered by another app")
    }

    @Test
    fun `an app that breaks down as it hands the photo over is no harm`() {
        val broken = Uri.parse("content://photos/broken")
        shadowOf(RuntimeEnvironment.getApplication().contentResolver)
            .registerInputStreamSupplier(broken) { throw IllegalArgumentException("Unknown URI") }
        open(broken).get().waitForText("The image cannot be read: Unknown URI")
    }

    @Test
    fun `a file that is no image is said to be none`() {
        val screen = open(offered("to be or not to be".encodeToByteArray())).get()
        screen.waitForText("This photo cannot be used")
        assertTrue(screen.shownText(), "not an image that can be read" in screen.shownText())
        assertFalse("Try again" in screen.shownText())
    }

    @Test
    fun `half an image is said to be damaged`() {
        val whole = Golden.all().first().file.readBytes()
        val screen = open(offered(whole.copyOf(whole.size / 2))).get()
        screen.waitForText("This photo cannot be used")
    }

    @Test
    fun `an enormous image is refused before it is decoded`() {
        val screen = open(offered(pngThatPromises(200_000, 200_000))).get()
        screen.waitForText("This photo cannot be used")
        assertTrue(screen.shownText(), "200000x200000 pixels" in screen.shownText())
    }

    @Test
    fun `a photo that is gone is said to be gone, and another one is classified after it`() {
        val gone = Uri.parse("content://photos/gone")
        shadowOf(RuntimeEnvironment.getApplication().contentResolver)
            .registerInputStreamSupplier(gone) { throw FileNotFoundException("no such row") }
        val screen = open(gone).get()
        screen.waitForText("The image cannot be read")
        screen.click(R.id.other)
        val asked = shadowOf(screen).nextStartedActivityForResult.intent
        val golden = Golden.all().first()
        val picked = Intent().setData(offered(golden.file.readBytes()))
        shadowOf(screen).receiveResult(asked, Activity.RESULT_OK, picked)
        screen.waitForText(golden.label)
        assertFalse(screen.shownText(), "cannot be used" in screen.shownText())
    }

    @Test
    fun `turned in the middle of it, the photo is classified once and shown`() {
        val golden = Golden.all().first()
        var reads = 0
        val uri = Uri.parse("content://photos/turned")
        shadowOf(RuntimeEnvironment.getApplication().contentResolver)
            .registerInputStreamSupplier(uri) {
                reads++
                golden.file.inputStream()
            }
        val controller = open(uri)
        val first = controller.get()
        assertTrue(first.shownText(), "Looking at the photo…" in first.shownText())
        RuntimeEnvironment.setQualifiers("+land")
        controller.configurationChange()
        val second = controller.get()
        assertFalse(first === second)
        second.waitForText(golden.label)
        controller.recreate()
        controller.get().waitForText(golden.label)
        assertEquals("the photo was read", 1, reads)
        assertFalse("the first activity was told too", golden.label in first.shownText())
    }

    @Test
    @Config(application = NoBundleApplication::class)
    fun `without a model the screen says what is wrong`() {
        val screen = open(offered(Golden.all().first().file.readBytes())).get()
        screen.waitForText("The model cannot be opened")
        assertTrue(screen.shownText(), "mobilevit embed" in screen.shownText())
        screen.click(R.id.problem_action)
        screen.waitForText("The model cannot be opened")
    }

    @Test
    fun `memory that runs low while the app is away costs a moment only`() {
        val golden = Golden.all().first()
        val controller = open(offered(golden.file.readBytes()))
        controller.pause().stop()
        val app = RuntimeEnvironment.getApplication() as DemoApplication
        waitUntil("the model") { app.model.state.value is Model.Ready }
        app.onTrimMemory(android.content.ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        assertEquals(Model.Closed, app.model.state.value)
        controller.start().resume()
        controller.get().waitForText(golden.label)
    }
}

/** A PNG whose header promises this many pixels, and which has none. */
private fun pngThatPromises(width: Int, height: Int): ByteArray {
    val header = ByteBuffer.allocate(13)
        .putInt(width).putInt(height).put(byteArrayOf(8, 2, 0, 0, 0)).array()
    val magic = byteArrayOf(0x89.toByte(), 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
    return magic + chunk("IHDR", header) + chunk("IDAT", ByteArray(64)) +
        chunk("IEND", ByteArray(0))
}

private fun chunk(type: String, content: ByteArray): ByteArray {
    val named = type.encodeToByteArray() + content
    val check = CRC32().apply { update(named) }.value.toInt()
    return ByteBuffer.allocate(8 + named.size).putInt(content.size).put(named).putInt(check).array()
}
