package org.mobilevit.classify

import java.io.Closeable
import java.nio.ByteBuffer
import org.mobilevit.BundleException
import org.mobilevit.InputException
import org.mobilevit.MobileViTException
import org.mobilevit.bundle.ArtifactRecord
import org.mobilevit.bundle.Bundle
import org.mobilevit.bundle.TensorRecord
import org.mobilevit.image.CropResizer
import org.mobilevit.image.RgbImage
import org.mobilevit.runtime.DType
import org.mobilevit.runtime.InferenceRuntime
import org.mobilevit.runtime.Session
import org.mobilevit.runtime.TensorSpec

/** One label with its probability, 0..1. */
data class Prediction(val index: Int, val label: String, val probability: Float)

/** The most probable labels, most probable first, and what it took. */
data class Classification(
    val predictions: List<Prediction>,
    val preprocessNs: Long,
    val inferenceNs: Long,
)

/**
 * One artifact of a bundle, loaded. Belongs to one thread at a time. Its buffers are made once: an
 * image of the size of the one before allocates nothing but its answer.
 *
 * @param delegate one of the runtime's.
 * @throws BundleException the artifact is not the file that was exported, or not what the manifest
 *   tells.
 * @throws org.mobilevit.RefusedException the runtime or the delegate does not open it.
 */
class ImageClassifier(
    val bundle: Bundle,
    val artifact: ArtifactRecord,
    runtime: InferenceRuntime,
    threads: Int,
    delegate: String,
) : Closeable {
    private val resizer = CropResizer(bundle.manifest.preprocessing)
    private val pixels = ByteArray(resizer.byteCount)
    private val feed = InputFeed(artifact, bundle.manifest.preprocessing)
    private val feeds = mapOf(artifact.input.name to feed.buffer)
    private val session = runtime.load(
        direct(bundle.read(artifact.file, artifact.sha256)),
        threads,
        delegate,
    )
    private val classes = bundle.labels.size

    init {
        try {
            checkInterface(session, artifact, classes)
        } catch (error: MobileViTException) {
            session.close()
            throw error
        }
    }

    /** What really runs it, in the runtime's words. */
    val delegate: String get() = session.delegate

    /**
     * One probability for each label.
     *
     * @param pixels uint8 `height * width * 3`, RGB, as
     *   [resizeAndCrop][org.mobilevit.image.resizeAndCrop] gives them.
     * @throws InputException they are of another size.
     * @throws org.mobilevit.RefusedException the runtime fails.
     */
    fun probabilities(pixels: ByteArray): FloatArray {
        if (pixels.size != resizer.byteCount) {
            throw InputException(
                "there are ${pixels.size} bytes of pixels, and should be ${resizer.byteCount}",
                "make them with resizeAndCrop",
            )
        }
        feed.fill(pixels)
        return run()
    }

    /**
     * The [top] most probable labels of an image.
     *
     * @throws InputException [top] is below 1.
     * @throws org.mobilevit.ImageException the image is too narrow to be resized.
     * @throws org.mobilevit.RefusedException the runtime fails.
     */
    fun classify(image: RgbImage, top: Int = 5): Classification =
        classify(image.rgb, image.width, image.height, top)

    /**
     * The same for an image in a buffer that is used again.
     *
     * @param rgb at least `height * width * 3` bytes, row by row, red first.
     */
    fun classify(rgb: ByteArray, width: Int, height: Int, top: Int = 5): Classification {
        if (top < 1) {
            throw InputException(
                "the $top most probable labels cannot be told",
                "ask for one or more",
            )
        }
        val start = System.nanoTime()
        resizer.resizeAndCrop(rgb, width, height, pixels)
        feed.fill(pixels)
        val prepared = System.nanoTime()
        val probabilities = run()
        val end = System.nanoTime()
        val predictions = topK(probabilities, top).map {
            Prediction(it, bundle.labels[it], probabilities[it])
        }
        return Classification(predictions, prepared - start, end - prepared)
    }

    private fun run(): FloatArray {
        val output = session.run(feeds).getValue(artifact.output.name)
        return FloatArray(classes).also { output.asFloatBuffer().get(it) }
    }

    override fun close() = session.close()
}

private fun direct(bytes: ByteArray): ByteBuffer = ByteBuffer.allocateDirect(bytes.size).apply {
    put(bytes)
    rewind()
}

/** @throws BundleException the input or the output is not what the manifest tells. */
private fun checkInterface(session: Session, artifact: ArtifactRecord, classes: Int) {
    checkEnd("input", session.inputs, artifact.input, artifact)
    checkEnd("output", session.outputs, artifact.output, artifact)
    val output = session.outputs.single()
    if (output.shape.drop(1) != listOf(classes) || output.dtype != DType.FLOAT32) {
        throw BundleException("`${artifact.file}`: output is $output, for $classes labels")
    }
}

private fun checkEnd(
    end: String,
    found: List<TensorSpec>,
    told: TensorRecord,
    artifact: ArtifactRecord,
) {
    val expected = DType.of(told.dtype)?.let { TensorSpec(told.name, told.shape, it) }
    if (found.singleOrNull() == expected && expected != null) return
    throw BundleException(
        "`${artifact.file}`: $end is ${found.joinToString()}, " +
            "the manifest says ${told.name} ${told.dtype} ${told.shape}",
        "export the bundle again",
    )
}
