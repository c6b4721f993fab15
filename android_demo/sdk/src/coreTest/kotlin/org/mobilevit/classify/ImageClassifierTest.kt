package org.mobilevit.classify

import kotlin.random.Random
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.mobilevit.BundleException
import org.mobilevit.InputException
import org.mobilevit.MobileViTException
import org.mobilevit.RefusedException
import org.mobilevit.bundle.Bundle
import org.mobilevit.desktop.decodeImage

class ImageClassifierTest {
    @get:Rule
    val folder = TemporaryFolder()

    @Test
    fun `the most probable labels of an image come first`() {
        val bundle = testBundle()
        val golden = bundle.manifest.golden.first()
        val image = decodeImage(bundle.read(golden.file, golden.sha256))
        for (artifact in ARTIFACTS) {
            bundle.open(artifact).use { classifier ->
                val given = classifier.classify(image, top = 3)
                assertEquals(
                    topK(golden.probabilities, 3).toList(),
                    given.predictions.map {
                        it.index
                    },
                )
                assertEquals(
                    given.predictions.map {
                        bundle.labels[it.index]
                    },
                    given.predictions.map { it.label },
                )
                for (prediction in given.predictions) {
                    assertEquals(
                        golden.probabilities[prediction.index],
                        prediction.probability,
                        1e-5f,
                    )
                }
                assertTrue(given.preprocessNs > 0 && given.inferenceNs > 0)
                assertEquals(
                    bundle.labels.size,
                    classifier.classify(image, top = 1000).predictions.size,
                )
            }
        }
    }

    @Test
    fun `an image in a larger buffer gives the same`() = testBundle().let { bundle ->
        val golden = bundle.manifest.golden.first()
        val image = decodeImage(bundle.read(golden.file, golden.sha256))
        bundle.open(ARTIFACTS.first()).use { classifier ->
            val buffer = image.rgb.copyOf(image.rgb.size + 1000)
            val given = classifier.classify(buffer, image.width, image.height)
            assertEquals(classifier.classify(image).predictions, given.predictions)
        }
    }

    @Test
    fun `no labels, or pixels of another size, are refused`() =
        testBundle().open(ARTIFACTS.first()).use { classifier ->
            val golden = testBundle().manifest.golden.first()
            val image = decodeImage(testBundle().read(golden.file, golden.sha256))
            assertThrows(InputException::class.java) { classifier.classify(image, top = 0) }
            assertThrows(InputException::class.java) { classifier.probabilities(ByteArray(7)) }
            Unit
        }

    @Test
    fun `an artifact that was changed is refused before a runtime sees it`() {
        for (artifact in ARTIFACTS) {
            tamperedBundle(folder.root, artifact)
            folder.root.resolve(artifact).appendBytes(byteArrayOf(0))
            val error = refusal<BundleException>(testBundle(folder.root), artifact)
            assertTrue(
                error.message,
                error.message.endsWith("$artifact` is not the file that was exported"),
            )
        }
    }

    @Test
    fun `an artifact that was cut off, or is noise, is refused by its runtime`() {
        for (artifact in ARTIFACTS) {
            for (damage in listOf<(ByteArray) -> ByteArray>(
                { it.copyOf(it.size / 2) },
                { it.copyOf(100) },
                { Random(0).nextBytes(it.size) },
                { ByteArray(0) },
            )) {
                val bundle = tamperedBundle(folder.root, artifact, damage)
                val error = refusal<RefusedException>(bundle, artifact)
                assertEquals(error.message, 1, error.message.lines().size)
                testBundle().artifact(artifact).let { bundleFolder().resolve(it.file) }
                    .copyTo(folder.root.resolve(artifact), overwrite = true)
            }
        }
    }

    @Test
    fun `an artifact whose ends are not what the manifest tells is refused`() {
        for (artifact in ARTIFACTS) {
            for ((from, to) in listOf(
                "\"name\": \"image\"" to "\"name\": \"picture\"",
                "\"name\": \"probabilities\"" to "\"name\": \"logits\"",
                "\"dtype\": \"uint8\"" to "\"dtype\": \"float32\"",
            )) {
                if (to.endsWith("float32\"") && artifact.endsWith(".tflite")) continue
                val bundle =
                    tamperedBundle(folder.root, artifact, manifest = { it.replace(from, to) })
                val error = refusal<BundleException>(bundle, artifact)
                assertTrue(error.message, error.message.startsWith("`$artifact`: "))
                assertTrue(error.message, ", the manifest says " in error.message)
            }
        }
    }

    @Test
    fun `an artifact for other labels is refused`() {
        val other = listOf("mobilevit_xxs_fp32.onnx", "mobilevit_xxs_fp32.tflite")
        val bytes = other.associateWith { bundleFolder().resolve(it).readBytes() }
        for (artifact in other) {
            // the right file, under a manifest that another file's hash was put into
            val swapped = bytes.getValue(other.first { it != artifact })
            val bundle = tamperedBundle(folder.newFolder(), artifact, { swapped })
            refusal<RefusedException>(bundle, artifact)
        }
    }

    private inline fun <reified E : MobileViTException> refusal(
        bundle: Bundle,
        artifact: String,
    ): E = assertThrows(E::class.java) { bundle.open(artifact).close() }
}

private val ARTIFACTS = listOf("mobilevit_xxs_fp32.onnx", "mobilevit_xxs_fp32.tflite")
