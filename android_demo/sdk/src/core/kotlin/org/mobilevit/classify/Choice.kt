package org.mobilevit.classify

import org.mobilevit.InputException
import org.mobilevit.RefusedException
import org.mobilevit.bundle.ArtifactRecord
import org.mobilevit.bundle.Bundle
import org.mobilevit.runtime.InferenceRuntime

/** An artifact, and the runtime that is to open it. */
data class Choice(val artifact: ArtifactRecord, val runtime: InferenceRuntime)

/**
 * What to open of a bundle: the artifact named [file], or the one that a phone prefers among those
 * that the runtimes open. That is of the first runtime that opens any; of `.tflite` the smaller
 * fp16, which computes in float32 all the same, and of others fp32, as fp16 is slow without
 * hardware for it. Quantized ones come after both, what the export found fault with last.
 *
 * @throws org.mobilevit.BundleException there is no such artifact.
 * @throws InputException none of the runtimes opens it, or any.
 */
fun chooseArtifact(
    bundle: Bundle,
    runtimes: List<InferenceRuntime>,
    file: String? = null,
): Choice {
    if (file != null) {
        val artifact = bundle.artifact(file)
        val runtime = runtimes.find { artifact.file.endsWith(it.suffix) }
            ?: throw nothingOpens("`$file`", runtimes)
        return Choice(artifact, runtime)
    }
    for (runtime in runtimes) {
        val artifacts = bundle.manifest.artifacts.filter { it.file.endsWith(runtime.suffix) }
        val preferred = preferred(artifacts) ?: continue
        return Choice(preferred, runtime)
    }
    val held = bundle.manifest.artifacts.joinToString { "`${it.file}`" }
    throw nothingOpens("any of $held", runtimes)
}

/** Of those that one runtime opens; null where there are none. */
internal fun preferred(artifacts: List<ArtifactRecord>): ArtifactRecord? = artifacts.minWithOrNull(
    compareBy({ it.faults.isNotEmpty() }, ::rank, { it.layout != "plain" }),
)

/** Of its precision; smaller is better. */
private fun rank(artifact: ArtifactRecord): Int {
    val floats = if (artifact.file.endsWith(".tflite")) SMALLEST_FIRST else PRECISEST_FIRST
    val precisions = floats + QUANTIZED
    return precisions.indexOf(artifact.precision).let { if (it < 0) precisions.size else it }
}

private val SMALLEST_FIRST = listOf("fp16", "fp32")
private val PRECISEST_FIRST = listOf("fp32", "fp16")
private val QUANTIZED = listOf("int8-weights", "int8")

private fun nothingOpens(what: String, runtimes: List<InferenceRuntime>): InputException {
    val names = runtimes.joinToString { "${it.name} (${it.suffix})" }.ifEmpty { "none" }
    return InputException("no runtime here opens $what", "the runtimes here: $names")
}

/** A classifier, and why it does not run by the delegate that was asked for; null: it does. */
class OpenedClassifier(val classifier: ImageClassifier, val refusal: String?)

/**
 * Opens what was chosen.
 *
 * @param delegate of the runtime; null: its first.
 * @param fallback whether the runtime's first delegate is tried where [delegate] is refused.
 * @throws org.mobilevit.BundleException the artifact is not as it was exported.
 * @throws RefusedException the runtime or the delegate does not open it, nor the first delegate.
 */
fun openClassifier(
    bundle: Bundle,
    choice: Choice,
    threads: Int,
    delegate: String? = null,
    fallback: Boolean = true,
): OpenedClassifier {
    val (artifact, runtime) = choice
    val first = runtime.delegates.first()
    val asked = delegate ?: first
    return try {
        OpenedClassifier(ImageClassifier(bundle, artifact, runtime, threads, asked), null)
    } catch (refused: RefusedException) {
        if (!fallback || asked == first) throw refused
        OpenedClassifier(
            ImageClassifier(bundle, artifact, runtime, threads, first),
            refused.message,
        )
    }
}
