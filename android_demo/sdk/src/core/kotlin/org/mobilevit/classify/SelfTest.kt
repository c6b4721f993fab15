package org.mobilevit.classify

import org.mobilevit.image.RgbImage

/** One golden image, as this device computes it. */
data class GoldenOutcome(val file: String, val label: String, val sameLabel: Boolean, val maxDifference: Double)

/** Whether this device computes what the training computed. */
data class SelfTestResult(
    val golden: List<GoldenOutcome>,
    /** What a probability may differ by. */
    val allowed: Double,
    /** Images whose pixels are not the expected ones, with the reason; empty where all are. */
    val wrongPixels: List<String>,
    /** How many images of the conformance set were compared. */
    val conformance: Int,
) {
    val maxDifference: Double get() = golden.maxOf { it.maxDifference }
    val passed: Boolean
        get() = wrongPixels.isEmpty() && golden.all { it.sameLabel } && maxDifference <= allowed
}

/**
 * Runs the golden images and the preprocessing conformance set of the classifier's bundle.
 *
 * @param decode the bytes of an image file, made an upright image.
 */
fun selfTest(classifier: ImageClassifier, decode: (ByteArray) -> RgbImage): SelfTestResult = TODO()
