package org.mobilevit.desktop

import java.io.Closeable
import java.io.IOException
import java.nio.file.Files
import java.nio.file.Path
import org.mobilevit.ImageException
import org.mobilevit.bundle.ArtifactRecord
import org.mobilevit.bundle.Bundle
import org.mobilevit.classify.Classification
import org.mobilevit.classify.ImageClassifier
import org.mobilevit.classify.SelfTestResult
import org.mobilevit.classify.chooseArtifact
import org.mobilevit.classify.selfTest
import org.mobilevit.runtime.InferenceRuntime
import org.mobilevit.runtime.OnnxRuntime

/**
 * Labels for image files on a desktop JVM, from a bundle in a folder, over ONNX Runtime:
 *
 *     MobileViT.open(Path.of("bundle")).use { model ->
 *         for (prediction in model.classify(Path.of("photo.jpg")).predictions) println(prediction)
 *     }
 *
 * Belongs to one thread at a time.
 */
class MobileViT private constructor(private val classifier: ImageClassifier) : Closeable {
    val bundle: Bundle get() = classifier.bundle
    val artifact: ArtifactRecord get() = classifier.artifact

    /** What really runs the model, in the runtime's words. */
    val delegate: String get() = classifier.delegate

    /**
     * The [top] most probable labels of a JPEG, PNG, BMP or GIF file.
     *
     * @throws ImageException it is missing, damaged, too large, or not an image.
     * @throws org.mobilevit.InputException [top] is below 1.
     * @throws org.mobilevit.RefusedException the runtime fails.
     */
    fun classify(file: Path, top: Int = 5): Classification {
        val bytes =
            try {
                Files.readAllBytes(file)
            } catch (error: IOException) {
                throw ImageException(
                    "`$file` cannot be read",
                    "give the path of an image file",
                    error,
                )
            }
        return classifier.classify(decodeImage(bytes), top)
    }

    /** Whether this machine computes what the training computed; throws what [selfTest] does. */
    fun selfTest(): SelfTestResult = selfTest(classifier, ::decodeImage)

    override fun close() = classifier.close()

    companion object {
        /**
         * Opens a bundle.
         *
         * @param artifact file name of one of its artifacts; null: the preferred one of what the
         *   first of [runtimes] opens.
         * @throws org.mobilevit.BundleException no bundle, or not as it was exported.
         * @throws org.mobilevit.InputException no runtime here opens the artifact.
         * @throws org.mobilevit.RefusedException the runtime does not open it after all.
         */
        fun open(
            folder: Path,
            artifact: String? = null,
            threads: Int = 1,
            runtimes: List<InferenceRuntime> = listOf(OnnxRuntime()),
        ): MobileViT {
            val bundle = Bundle(FolderBundle(folder.toFile()))
            val (record, runtime) = chooseArtifact(bundle, runtimes, artifact)
            val delegate = runtime.delegates.first()
            return MobileViT(ImageClassifier(bundle, record, runtime, threads, delegate))
        }
    }
}
