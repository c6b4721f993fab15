package org.mobilevit.android

import android.content.Context
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.ImageFormat
import android.graphics.Rect
import android.media.Image
import java.nio.ByteBuffer
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CountDownLatch
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit.SECONDS
import kotlin.math.roundToInt
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.mobilevit.BundleException
import org.mobilevit.ImageException
import org.mobilevit.InputException
import org.mobilevit.MobileViTException
import org.mobilevit.RefusedException
import org.mobilevit.bundle.GoldenRecord
import org.mobilevit.classify.topK
import org.mobilevit.runtime.DesktopLiteRt
import org.mobilevit.runtime.InferenceRuntime
import org.mobilevit.runtime.OnnxRuntime
import org.mobilevit.runtime.Session
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.GraphicsMode

@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class MobileViTClassifierTest {
    private val context: Context = RuntimeEnvironment.getApplication()

    @Test
    fun `a bitmap of a golden image gets the golden probabilities, on either runtime`() {
        for (artifact in listOf("mobilevit_xxs_fp32.tflite", "mobilevit_xxs_fp32.onnx")) {
            open(artifact).use { classifier ->
                for (golden in classifier.bundle.manifest.golden) {
                    val given = classifier.classify(classifier.bitmap(golden), top = 10).now()
                    assertEquals(
                        topK(golden.probabilities, 10).toList(),
                        given.predictions.map { it.index },
                    )
                    for (prediction in given.predictions) {
                        val expected = golden.probabilities[prediction.index]
                        assertEquals(expected, prediction.probability, 1e-4f)
                    }
                }
                assertNull(classifier.refusal)
            }
        }
    }

    @Test
    fun `the self-test passes with Android's decoders`() =
        open("mobilevit_xxs_fp16.tflite").use { classifier ->
            val result = classifier.selfTest().now()
            assertEquals(emptyList<String>(), result.faults)
            assertTrue(result.passed)
        }

    @Test
    fun `a camera's frame that lies on its side gets the label of the upright picture`() =
        open("mobilevit_xxs_fp32.tflite").use { classifier ->
            for (golden in classifier.bundle.manifest.golden) {
                val picture = classifier.bitmap(golden)
                val expected = classifier.classify(picture, top = 1).now().predictions.single()
                for (rotation in listOf(0, 90, 180, 270)) {
                    val frame = CameraFrame(turned(picture, -rotation))
                    val answer = classifier.classify(frame, rotation, top = 1000)
                    frame.close() // its planes are wiped
                    val given = answer.now().predictions
                    // a frame has a quarter of the picture's colours
                    val same = given.single { it.label == expected.label }
                    assertEquals(expected.probability, same.probability, 0.1f)
                    if (expected.probability > 0.6f) assertEquals(same, given.first())
                }
            }
        }

    @Test
    fun `many frames at once each get their own answer`() =
        open("mobilevit_xxs_fp32.tflite").use { classifier ->
            val pictures = classifier.bundle.manifest.golden.map { classifier.bitmap(it) }
            val alone = pictures.map { classifier.classify(CameraFrame(it), 0, top = 1).now() }
            val together = (0 until 20).map { i ->
                CameraFrame(pictures[i % pictures.size]).use { classifier.classify(it, 0, top = 1) }
            }
            for ((i, answer) in together.withIndex()) {
                assertEquals(alone[i % pictures.size].predictions, answer.now().predictions)
            }
        }

    @Test
    fun `what cannot be classified is refused in words`() =
        open("mobilevit_xxs_fp32.tflite").use { classifier ->
            val picture = classifier.bitmap(classifier.bundle.manifest.golden.first())
            refusal<InputException> { classifier.classify(picture, top = 0) }
            refusal<InputException> { classifier.classify(CameraFrame(picture), 45) }
            val frame = CameraFrame(picture).apply { close() }
            refusal<ImageException> { classifier.classify(frame, 0) }
            picture.recycle()
            refusal<ImageException> { classifier.classify(picture) }
            Unit
        }

    @Test
    fun `the preferred artifact is LiteRT's small one`() =
        open(null).use { assertEquals("mobilevit_xxs_fp16.tflite", it.artifact.file) }

    @Test
    fun `without LiteRT's native library ONNX Runtime is left`() {
        assertEquals(listOf("onnxruntime"), availableRuntimes().map { it.name })
        MobileViTClassifier.open(context, BUNDLE).now().use {
            assertEquals("mobilevit_xxs_fp32.onnx", it.artifact.file)
        }
    }

    @Test
    fun `a delegate that refuses gives way to the first, and that is told`() =
        open("mobilevit_xxs_fp32.tflite", delegate = "gpu").use { classifier ->
            assertEquals("LiteRT has no delegate `gpu` here", classifier.refusal)
            assertTrue(classifier.delegate, classifier.delegate.startsWith("XNNPACK"))
        }

    @Test
    fun `without fallback it is an error`() {
        val options =
            Options(delegate = "gpu", fallback = false, runtimes = listOf(DesktopLiteRt()))
        refusal<RefusedException> { MobileViTClassifier.open(context, BUNDLE, options) }
    }

    @Test
    fun `no bundle, and no such artifact, are refused in words`() {
        val none = refusal<BundleException> { MobileViTClassifier.open(context, "nothing") }
        assertTrue(none.message, "assets/nothing" in none.message)
        refusal<BundleException> { opening("other.tflite") }
    }

    @Test
    fun `closing during a run lets it end, and refuses what waits and what comes`() {
        val slow = SlowRuntime(DesktopLiteRt())
        val options = Options(runtimes = listOf(slow))
        val classifier = MobileViTClassifier.open(context, BUNDLE, options).now()
        val picture = classifier.bitmap(classifier.bundle.manifest.golden.first())
        val running = classifier.classify(picture)
        val waiting = classifier.classify(picture)
        slow.started.await()
        classifier.close()
        classifier.close()
        val late = refusal<RefusedException> { classifier.classify(picture) }
        assertEquals("the classifier was closed", late.message)
        slow.go.countDown()
        assertNotNull(running.now())
        refusal<RefusedException> { waiting }
        assertTrue("the session was freed", slow.closed.await(10, SECONDS))
    }

    @Test
    fun `an opening that was cancelled closes what it opened`() {
        val slow = SlowRuntime(DesktopLiteRt())
        slow.holdLoading = true
        val opening = MobileViTClassifier.open(context, BUNDLE, Options(runtimes = listOf(slow)))
        slow.started.await()
        opening.cancel(false)
        slow.go.countDown()
        assertTrue("the session was freed", slow.closed.await(10, SECONDS))
    }

    private fun opening(artifact: String?, delegate: String? = null) =
        MobileViTClassifier.open(context, BUNDLE, Options(artifact, delegate, runtimes = RUNTIMES))

    private fun open(artifact: String?, delegate: String? = null) =
        opening(artifact, delegate).now()
}

private const val BUNDLE = "mobilevit"
private val RUNTIMES = listOf(DesktopLiteRt(), OnnxRuntime())

private fun <T> CompletableFuture<T>.now(): T = get(30, SECONDS)

private inline fun <reified E : MobileViTException> refusal(ask: () -> CompletableFuture<*>): E {
    val future = ask()
    val error = assertThrows(ExecutionException::class.java) { future.get(30, SECONDS) }
    return error.cause as E
}

private fun MobileViTClassifier.bitmap(golden: GoldenRecord): Bitmap {
    val file = bundle.read(golden.file, golden.sha256)
    return BitmapFactory.decodeByteArray(file, 0, file.size)
}

/** The runtime, held up until it may go on: in its first run, or while it loads. */
private class SlowRuntime(private val runtime: InferenceRuntime) : InferenceRuntime by runtime {
    val started = CountDownLatch(1)
    val go = CountDownLatch(1)
    val closed = CountDownLatch(1)
    var holdLoading = false

    override fun load(artifact: ByteBuffer, threads: Int, delegate: String): Session {
        val session = runtime.load(artifact, threads, delegate)
        if (holdLoading) hold()
        return object : Session by session {
            override fun run(feeds: Map<String, ByteBuffer>): Map<String, ByteBuffer> {
                hold()
                return session.run(feeds)
            }

            override fun close() {
                session.close()
                closed.countDown()
            }
        }
    }

    private fun hold() {
        started.countDown()
        go.await()
    }
}

private fun turned(picture: Bitmap, degrees: Int): Bitmap {
    val quarters = Math.floorMod(degrees, 360) / 90
    var turned = picture
    repeat(quarters) { turned = clockwise(turned) }
    return turned
}

private fun clockwise(picture: Bitmap): Bitmap {
    val (w, h) = picture.width to picture.height
    val pixels = IntArray(w * h) { picture.getPixel(it / h, h - 1 - it % h) }
    return Bitmap.createBitmap(pixels, h, w, Bitmap.Config.ARGB_8888)
}

/** A picture as a camera gives it: JFIF's YUV, 4:2:0, U and V in turns, rows of more bytes than pixels. */
private class CameraFrame(picture: Bitmap) : Image() {
    private val columns = picture.width
    private val rows = picture.height
    private val lumaStride = columns + 5
    private val chromaStride = columns + 7
    private val luma = ByteBuffer.allocateDirect(lumaStride * rows)
    private val chroma = ByteBuffer.allocateDirect(chromaStride * ((rows + 1) / 2))
    private var isOpen = true

    init {
        for (y in 0 until rows) {
            for (x in 0 until columns) {
                val pixel = picture.getPixel(x, y)
                luma.put(y * lumaStride + x, level(luma(pixel)))
                if (x % 2 == 0 && y % 2 == 0) {
                    val at = y / 2 * chromaStride + x
                    chroma.put(at, level(128 + ((pixel and 255) - luma(pixel)) / 1.772))
                    chroma.put(at + 1, level(128 + ((pixel shr 16 and 255) - luma(pixel)) / 1.402))
                }
            }
        }
    }

    override fun getFormat() = ImageFormat.YUV_420_888

    override fun getWidth() = columns

    override fun getHeight() = rows

    override fun getTimestamp() = 0L

    override fun getTransform() = 0

    override fun getScalingMode() = 0

    override fun getCropRect() = Rect(0, 0, columns, rows)

    override fun getPlanes(): Array<Plane> {
        check(isOpen) { "Image is already closed" }
        val second = chroma.duplicate().apply { position(1) }.slice()
        return arrayOf(
            FramePlane(luma, lumaStride, 1),
            FramePlane(chroma, chromaStride, 2),
            FramePlane(second, chromaStride, 2),
        )
    }

    /** The camera writes its next frame there. */
    override fun close() {
        isOpen = false
        for (i in 0 until luma.capacity()) luma.put(i, 0)
        for (i in 0 until chroma.capacity()) chroma.put(i, 0)
    }
}

private class FramePlane(
    private val bytes: ByteBuffer,
    private val row: Int,
    private val pixel: Int,
) : Image.Plane() {
    override fun getRowStride() = row

    override fun getPixelStride() = pixel

    override fun getBuffer() = bytes
}

private fun luma(pixel: Int): Double =
    0.299 * (pixel shr 16 and 255) + 0.587 * (pixel shr 8 and 255) + 0.114 * (pixel and 255)

private fun level(value: Double): Byte = value.roundToInt().coerceIn(0, 255).toByte()
