package org.mobilevit.demo

import java.io.File
import org.mobilevit.bundle.Bundle
import org.mobilevit.bundle.BundleFiles

/** The bundle's golden images with the labels that Python's reference gave for them. */
class Golden private constructor(val file: File, val label: String, val percent: Int) {
    companion object {
        fun all(): List<Golden> {
            val folder = File(System.getProperty("mobilevit.bundle"))
            val bundle = Bundle(
                object : BundleFiles {
                    override val name = folder.path

                    override fun open(path: String) = File(folder, path).inputStream()
                },
            )
            return bundle.manifest.golden.map { record ->
                val top = record.probabilities.indices.maxBy { record.probabilities[it] }
                Golden(
                    File(folder, record.file),
                    bundle.labels[top],
                    Math.round(record.probabilities[top] * 100),
                )
            }
        }
    }
}
