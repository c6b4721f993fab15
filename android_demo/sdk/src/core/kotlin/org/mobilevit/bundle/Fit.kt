package org.mobilevit.bundle

import org.mobilevit.json.JsonException

/** What the fields of a manifest must agree on: `_fits_together` of mobilevit/bundle.py. */
internal fun Manifest.checkFits(classes: Int) {
    val count = labels.count
    val height = preprocessing.height
    val width = preprocessing.width
    for (artifact in artifacts) {
        val input = artifact.input
        val output = artifact.output
        if (output.shape.lastOrNull() != count) {
            misfit("`${artifact.file}` gives ${tuple(output.shape)}, there are $count labels")
        }
        val image =
            when (input.layout) {
                "NHWC" -> listOf(height, width, 3)
                "NCHW" -> listOf(3, height, width)
                else -> null
            }
        if (input.shape.drop(1) != image) {
            misfit(
                "`${artifact.file}` takes ${tuple(input.shape)}, ${input.layout}, " +
                    "images are ${height}x$width",
            )
        }
    }
    if (artifacts.distinctBy { it.file }.size != artifacts.size) {
        misfit("two artifacts are the same file")
    }
    for (image in golden) {
        if (image.probabilities.size != count) {
            misfit(
                "`${image.file}` has ${image.probabilities.size} probabilities, " +
                    "there are $count labels",
            )
        }
    }
    if (classes != 0 && classes != count) misfit("$classes classes, and $count labels")
}

private fun misfit(reason: String): Nothing = throw JsonException("", reason)

private fun tuple(shape: List<Int>): String =
    shape.joinToString(prefix = "(", postfix = if (shape.size == 1) ",)" else ")")
