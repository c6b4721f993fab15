package org.mobilevit.bundle

import java.math.BigInteger
import org.mobilevit.BundleException
import org.mobilevit.json.Fields
import org.mobilevit.json.JsonException
import org.mobilevit.json.Located
import org.mobilevit.json.parseJson
import org.mobilevit.json.takeCodePoints

private val SCHEMA_VERSION = BigInteger.ONE
private const val UNSIGNED = "0000000000000000000000000000000000000000000000000000000000000000"
private const val MAX_PATH = 200
private const val MAX_SIZE = (1L shl 53) - 1 // an integer that every reader of JSON has
private val SHARE = 0.0..1.0
private val SIDES = 32L..4096L // of an image
private val COUNTS = 1L..Int.MAX_VALUE
private val SHA256 = Regex("[0-9a-f]{64}")
private val TENSOR_NAME = Regex("[!-~]{1,200}")
private val PATH = Regex("[A-Za-z0-9_+-][A-Za-z0-9_.+-]*(/[A-Za-z0-9_+-][A-Za-z0-9_.+-]*)*")

/**
 * Reads `manifest.json`, as `read_manifest` of mobilevit/bundle.py does: what it accepts is
 * accepted, what it refuses is refused, with its words.
 *
 * @param name of the file in messages, such as `assets/mobilevit/manifest.json`.
 * @throws BundleException not a manifest, one of a newer schema, or one that was changed since.
 */
fun readManifest(bytes: ByteArray, name: String): Manifest {
    val manifest =
        try {
            val document = Located(parseJson(bytes))
            val version = document.fields().required("schema_version").positive()
            if (version > SCHEMA_VERSION) {
                throw BundleException(
                    "`$name` has schema version $version, and this release reads $SCHEMA_VERSION",
                    "upgrade mobilevit-sdk",
                )
            }
            document.manifest()
        } catch (error: JsonException) {
            throw BundleException(
                "`$name` is not a manifest this version understands: ${error.oneLine()}",
                cause = error,
            )
        }
    checkDigest(bytes, manifest.digest, name)
    return manifest
}

private fun Located.manifest(): Manifest {
    val (manifest, classes) =
        record {
            if (required("schema_version").integer() != SCHEMA_VERSION) {
                required("schema_version").fail("Input should be $SCHEMA_VERSION")
            }
            val created = required("created").text()
            val sdkVersion = required("sdk_version").text()
            val model = required("model").model()
            val preprocessing = required("preprocessing").preprocessing()
            val labels = required("labels").labels()
            val classes = optional("classes")?.list { text() }.orEmpty()
            Manifest(
                created,
                sdkVersion,
                model,
                preprocessing,
                labels,
                artifacts = required("artifacts").several { artifact() },
                golden = required("golden").several { golden() },
                conformance = required("conformance").several { conformance() },
                digest = optional("digest")?.sha256() ?: UNSIGNED,
            ) to classes
        }
    manifest.checkFits(classes.size)
    return manifest
}

private fun Located.model(): String = record {
    val name = required("name").text()
    required("parameters").integer()
    required("checkpoint").text()
    required("checkpoint_sha256").orNull()?.sha256()
    optional("data")?.map {
        record {
            data()
            required("classes").map { integer() }
        }
    }
    required("recipe").map {}
    required("measured").map {}
    name
}

private fun Fields.data() {
    required("name").text()
    required("images").atLeastZero()
    required("sha256").sha256()
}

private fun Located.preprocessing(): Preprocessing = record {
    val (height, width) = required("image_size").tuple(2) { integer(SIDES).toInt() }
    val cropFraction = optional("crop_fraction")?.number(0.01..1.0) ?: 0.9
    val interpolation = optional("interpolation")?.oneOf("bilinear", "bicubic") ?: "bilinear"
    optional("channels")?.oneOf("rgb")
    optional("scale")?.run { if (number() <= 0) fail("Input should be greater than 0") }
    optional("mean")?.tuple(3) { number() }
    optional("std")?.tuple(3) { number() }
    Preprocessing(height, width, cropFraction, Interpolation.valueOf(interpolation.uppercase()))
}

private fun Located.labels(): LabelsRecord = record {
    LabelsRecord(
        file = optional("file")?.path() ?: "labels.txt",
        sha256 = required("sha256").sha256(),
        count = required("count").apply { positive() }.integer(COUNTS).toInt(),
    )
}

private fun Located.artifact(): ArtifactRecord = record {
    val file = required("file").path()
    val format = required("format").text()
    val precision = required("precision").text()
    val layout = optional("layout")?.oneOf("plain", "neural-engine") ?: "plain"
    val artifact = ArtifactRecord(
        file,
        format,
        precision,
        sha256 = required("sha256").sha256(),
        size = required("size").integer(0L..MAX_SIZE),
        input = required("input").tensor(),
        output = required("output").tensor(),
        maxAbsDifference = required("parity").parity(),
        layout,
    )
    optional("accuracy")?.list { accuracy() }
    optional("quantization")?.orNull()?.quantization()
    val faults = optional("sibling")?.orNull()?.sibling().orEmpty()
    optional("needs")?.map { text() }
    required("tools").map { text() }
    artifact.copy(faults = faults)
}

private fun Located.tensor(): TensorRecord = record {
    val name = required("name").matching(TENSOR_NAME)
    val kind = optional("kind")?.oneOf("tensor", "image", "dictionary") ?: "tensor"
    val shape = required("shape").shape()
    optional("more_shapes")?.list { shape() }
    val dtype = required("dtype").oneOf("float32", "float16", "uint8")
    val layout = required("layout").oneOf("NCHW", "NHWC", "NC")
    required("range").tuple(2) { number() }
    TensorRecord(name, kind, shape, dtype, layout)
}

private fun Located.shape(): List<Int> = list { integer(-1L..Int.MAX_VALUE).toInt() }

/** What it may differ by. */
private fun Located.parity(): Double = record {
    required("runtime").text()
    required("runtime_version").text()
    required("images").integer()
    required("image_source").text()
    required("max_abs_difference").anyNumber()
    required("top1_agreement").anyNumber()
    required("psnr_db").orNull()?.anyNumber()
    required("worst_image").text()
    required("tolerance").record {
        required("max_abs_difference").number().also {
            required("top1_agreement").number(SHARE)
            required("psnr_db").number()
        }
    }
}

private fun Located.accuracy() = record {
    required("runtime").text()
    required("runtime_version").text()
    required("data").record { data() }
    required("top1").number(SHARE)
    required("top5").number(SHARE)
    required("measured").text()
}

private fun Located.quantization() = record {
    required("calibration").orNull()?.record {
        required("source").text()
        required("images").positive()
        required("sha256").orNull()?.sha256()
    }
    optional("repairs")?.list { text() }
    optional("kept_float")?.list { text() }
    optional("agreement")?.orNull()?.number(SHARE)
    optional("top1_drop")?.orNull()?.number()
    required("max_drop").number(SHARE)
}

/** What is wrong. */
private fun Located.sibling(): List<String> = record {
    required("file").path()
    required("runtime").text()
    required("runtime_version").text()
    required("machine").text()
    required("speedup").number()
    required("low").number()
    required("high").number()
    optional("faults")?.list { text() }.orEmpty()
}

private fun Located.golden(): GoldenRecord = record {
    GoldenRecord(
        file = required("file").path(),
        sha256 = required("sha256").sha256(),
        probabilities = required("probabilities").list { number(SHARE).toFloat() }.toFloatArray(),
    )
}

private fun Located.conformance(): ConformanceRecord = record {
    ConformanceRecord(
        file = required("file").path(),
        sha256 = required("sha256").sha256(),
        pixels = required("pixels").path(),
        pixelsSha256 = required("pixels_sha256").sha256(),
        tests = required("tests").text(),
        sameKernel = required("same_kernel").tolerance(),
        otherKernel = required("other_kernel").tolerance(),
    )
}

private fun Located.tolerance(): PixelTolerance = record {
    PixelTolerance(
        maxDifference = required("max_difference").number(0.0..Double.MAX_VALUE),
        meanDifference = required("mean_difference").number(0.0..Double.MAX_VALUE),
    )
}

private fun <T> Located.several(item: Located.() -> T): List<T> =
    list(item).ifEmpty { fail("Tuple should have at least 1 item after validation, not 0") }

private fun Located.positive(): BigInteger =
    integer().also { if (it.signum() <= 0) fail("Input should be greater than 0") }

private fun Located.atLeastZero(): BigInteger =
    integer().also { if (it.signum() < 0) fail("Input should be greater than or equal to 0") }

private fun Located.sha256(): String = matching(SHA256)

private fun Located.matching(pattern: Regex): String {
    val value = text()
    if (!pattern.matches(value)) fail("String should match pattern '^${pattern.pattern}$'")
    return value
}

private fun Located.path(): String {
    val value = text()
    if (value.length > MAX_PATH || !PATH.matches(value)) {
        val start = value.takeCodePoints(MAX_PATH)
        fail("`$start` is not a path inside the bundle")
    }
    return value
}
