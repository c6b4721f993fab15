package org.mobilevit.classify

import java.io.Closeable
import org.mobilevit.bundle.ArtifactRecord
import org.mobilevit.bundle.Bundle
import org.mobilevit.image.RgbImage
import org.mobilevit.runtime.InferenceRuntime

/** One label with its probability, 0..1. */
data class Prediction(val index: Int, val label: String, val probability: Float)

/** The most probable labels, most probable first, and what it took. */
data class Classification(
    val predictions: List<Prediction>,
    val preprocessNs: Long,
    val inferenceNs: Long,
)

/** One artifact of a bundle, loaded. Belongs to one thread at a time. */
class ImageClassifier(
    val bundle: Bundle,
    val artifact: ArtifactRecord,
    runtime: InferenceRuntime,
    threads: Int,
    delegate: String,
) : Closeable {
    /** What really runs it, in the runtime's words. */
    val delegate: String get() = TODO()

    /** uint8 `height * width * 3`, RGB, as [resizeAndCrop][org.mobilevit.image.resizeAndCrop] gives them. */
    fun probabilities(pixels: ByteArray): FloatArray = TODO()

    fun classify(image: RgbImage, top: Int = 5): Classification = TODO()

    override fun close(): Unit = TODO()
}
