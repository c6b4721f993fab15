package org.mobilevit.bundle

/**
 * `manifest.json` of a bundle, as far as an app needs it. [readManifest] accepts and refuses what
 * the Python reader does, fields that are not kept here included.
 */
data class Manifest(
    val created: String,
    val sdkVersion: String,
    val model: String,
    val preprocessing: Preprocessing,
    val labels: LabelsRecord,
    val artifacts: List<ArtifactRecord>,
    val golden: List<GoldenRecord>,
    val conformance: List<ConformanceRecord>,
    val digest: String,
)

enum class Interpolation { BILINEAR, BICUBIC }

/** Steps 1 to 3 of preprocessing; step 4, [scale], mean and deviation, is in the artifact. */
data class Preprocessing(
    /** Pixels of the crop. */
    val height: Int,
    val width: Int,
    val cropFraction: Double,
    val interpolation: Interpolation,
)

data class LabelsRecord(val file: String, val sha256: String, val count: Int)

/** The input or output of an artifact. A side of -1 is dynamic. */
data class TensorRecord(
    val name: String,
    val kind: String,
    val shape: List<Int>,
    val dtype: String,
    val layout: String,
)

data class ArtifactRecord(
    val file: String,
    val format: String,
    val precision: String,
    val sha256: String,
    val size: Long,
    val input: TensorRecord,
    val output: TensorRecord,
    /** What a probability may differ by, and still count as the same model's. */
    val maxAbsDifference: Double,
    /** Of the graph: `plain` or `neural-engine`. */
    val layout: String = "plain",
    /** What is wrong with it beside the fp32 artifact of its format, where both were timed. */
    val faults: List<String> = emptyList(),
) {
    /** What tells it from others of its format, such as `fp16` or `fp16, neural-engine`. */
    val variant: String get() = if (layout == "plain") precision else "$precision, $layout"
}

/** An image and the probabilities the reference gave for it. */
data class GoldenRecord(val file: String, val sha256: String, val probabilities: FloatArray)

/** How far pixels may be from the expected ones, in levels of 0..255, over all channels. */
data class PixelTolerance(val maxDifference: Double, val meanDifference: Double)

/** An image of some kind, and what steps 1 to 3 of preprocessing make of it. */
data class ConformanceRecord(
    val file: String,
    val sha256: String,
    val pixels: String,
    val pixelsSha256: String,
    val tests: String,
    val sameKernel: PixelTolerance,
    val otherKernel: PixelTolerance,
)
