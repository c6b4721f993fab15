package org.mobilevit.demo

import java.io.IOException
import java.text.NumberFormat
import org.mobilevit.android.AssetBundle
import org.mobilevit.android.MobileViTClassifier
import org.mobilevit.json.Json
import org.mobilevit.json.JsonException
import org.mobilevit.json.parseJson

/** A name of a string resource, and what there is to say. */
internal data class Fact(val name: Int, val value: String)

/**
 * What runs here, and what it was trained on. It reads a file.
 *
 * @param allowed the difference that the self-test allows, in words.
 */
internal fun factsOf(
    app: DemoApplication,
    classifier: MobileViTClassifier,
    allowed: String,
): List<Fact> {
    val resources = app.resources
    val manifest = classifier.bundle.manifest
    val artifact = classifier.artifact
    val labels = manifest.labels.count
    return listOfNotNull(
        Fact(R.string.about_model, manifest.model),
        Fact(
            R.string.about_artifact,
            resources.getString(R.string.about_precision, artifact.file, artifact.variant),
        ),
        Fact(
            R.string.about_runtime,
            resources.getString(
                R.string.about_runtime_version,
                resources.runtimeName(classifier.runtime.name),
                classifier.runtime.version,
            ),
        ),
        Fact(R.string.about_delegate, classifier.delegate),
        Fact(R.string.about_allowed, allowed),
        Fact(
            R.string.about_labels,
            resources.getQuantityString(R.plurals.about_labels_count, labels, labels),
        ),
        trainingData(app)?.let { Fact(R.string.about_data, it) },
        Fact(R.string.about_bundle, manifest.digest.take(DIGEST_SHOWN)),
        Fact(R.string.about_app, app.version),
    )
}

// as much of a hash as tells two bundles apart
private const val DIGEST_SHOWN = 12

/** The name and size of the training data, which a manifest may leave out. */
private fun trainingData(app: DemoApplication): String? {
    val text = try {
        AssetBundle(app.assets, app.bundle).open("manifest.json").use { it.readBytes() }
    } catch (_: IOException) {
        return null
    }
    val train = try {
        parseJson(text)["model"]["data"]["train"]
    } catch (_: JsonException) {
        return null
    }
    val name = (train["name"] as? Json.Text)?.value ?: return null
    val images = (train["images"] as? Json.Number)?.literal?.toIntOrNull() ?: return name
    val counted = NumberFormat.getIntegerInstance(app.resources.locale)
    return app.resources.getQuantityString(
        R.plurals.about_data_images,
        images,
        name,
        counted.format(images),
    )
}

private operator fun Json?.get(name: String): Json? = (this as? Json.Object)?.fields?.get(name)
