package org.mobilevit.classify

import java.util.Locale
import kotlin.math.abs
import kotlin.math.max
import org.mobilevit.ImageException
import org.mobilevit.bundle.Bundle
import org.mobilevit.bundle.ConformanceRecord
import org.mobilevit.bundle.GoldenRecord
import org.mobilevit.image.RgbImage
import org.mobilevit.image.resizeAndCrop

/**
 * One golden image, as this device computes it.
 *
 * @property label the most probable here.
 * @property sameLabel whether the reference has it too, or has both within the tolerance.
 * @property maxDifference the largest of a probability; NaN where one is not a number.
 * @property expected the label that the reference gave.
 */
data class GoldenOutcome(
    val file: String,
    val label: String,
    val sameLabel: Boolean,
    val maxDifference: Double,
    val expected: String = label,
)

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

    /** What failed, in words; empty where nothing did. */
    val faults: List<String>
        get() = wrongPixels + golden.flatMap { faults(it) }

    private fun faults(outcome: GoldenOutcome): List<String> = buildList {
        if (!outcome.sameLabel) {
            add("`${outcome.file}` is taken for ${outcome.label}, not ${outcome.expected}")
        }
        if (!(outcome.maxDifference <= allowed)) {
            val difference = "%.2g".format(Locale.ROOT, outcome.maxDifference)
            add("`${outcome.file}`: a probability differs by $difference, and may by $allowed")
        }
    }
}

/**
 * Runs the golden images and the preprocessing conformance set of the classifier's bundle. Pixels
 * are held to the bounds for Pillow's own resampling, which this library has; those leave room for
 * another JPEG decoder, and none where a file is lossless.
 *
 * @param decode the bytes of an image file, made an upright image.
 * @throws org.mobilevit.BundleException an image is not as it was exported.
 * @throws ImageException a golden image cannot be decoded.
 * @throws org.mobilevit.RefusedException the runtime fails.
 */
fun selfTest(classifier: ImageClassifier, decode: (ByteArray) -> RgbImage): SelfTestResult {
    val manifest = classifier.bundle.manifest
    return SelfTestResult(
        golden = manifest.golden.map { outcome(classifier, it, decode) },
        allowed = classifier.artifact.maxAbsDifference,
        wrongPixels = manifest.conformance.mapNotNull { pixelFault(classifier.bundle, it, decode) },
        conformance = manifest.conformance.size,
    )
}

private fun outcome(
    classifier: ImageClassifier,
    record: GoldenRecord,
    decode: (ByteArray) -> RgbImage,
): GoldenOutcome {
    val bundle = classifier.bundle
    val image = decode(bundle.read(record.file, record.sha256))
    val given = classifier.probabilities(resizeAndCrop(image, bundle.manifest.preprocessing))
    val expected = record.probabilities
    val (top) = topK(given, 1)
    val (expectedTop) = topK(expected, 1)
    return GoldenOutcome(
        file = record.file,
        label = bundle.labels[top],
        sameLabel = top == expectedTop ||
            expected[expectedTop] - expected[top] <= classifier.artifact.maxAbsDifference,
        maxDifference = given.indices.maxOf { abs(given[it].toDouble() - expected[it]) },
        expected = bundle.labels[expectedTop],
    )
}

/** Why the pixels are not the expected ones; null: they are. */
private fun pixelFault(
    bundle: Bundle,
    record: ConformanceRecord,
    decode: (ByteArray) -> RgbImage,
): String? {
    val expected = decode(bundle.read(record.pixels, record.pixelsSha256))
    val file = bundle.read(record.file, record.sha256)
    val pixels =
        try {
            resizeAndCrop(decode(file), bundle.manifest.preprocessing)
        } catch (error: ImageException) {
            return "${record.tests}: ${error.message}"
        }
    if (pixels.size != expected.rgb.size) {
        return "${record.tests}: ${pixels.size} bytes, expected ${expected.rgb.size}"
    }
    var largest = 0
    var total = 0L
    for (i in pixels.indices) {
        val difference = abs((pixels[i].toInt() and 0xff) - (expected.rgb[i].toInt() and 0xff))
        largest = max(largest, difference)
        total += difference
    }
    val mean = total.toDouble() / pixels.size
    val allowed = record.sameKernel
    if (largest <= allowed.maxDifference && mean <= allowed.meanDifference) return null
    val average = "%.2g".format(Locale.ROOT, mean)
    return "${record.tests}: pixels differ by $average levels on average, $largest at most"
}
