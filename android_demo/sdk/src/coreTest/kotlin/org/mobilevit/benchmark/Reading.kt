package org.mobilevit.benchmark

import java.io.File
import org.mobilevit.json.Json
import org.mobilevit.json.parseJson

/** What tests/clients/statistics_corpus.py wrote: samples, and what Python makes of them. */
internal val corpus: Json.Object by lazy {
    read(File(requireNotNull(System.getProperty("mobilevit.statistics"))).readText())
}

internal fun read(line: String): Json.Object = parseJson(line.toByteArray()) as Json.Object

internal fun Json.Object.inner(name: String): Json.Object = getValue(name) as Json.Object

internal fun Json.Object.items(name: String): List<Json> = (getValue(name) as Json.Array).items

internal fun Json.Object.double(name: String): Double = (getValue(name) as Json.Number).toDouble()

internal fun Json.Object.doubleOrNull(name: String): Double? =
    (getValue(name) as? Json.Number)?.toDouble()

internal fun Json.Object.flag(name: String): Boolean = (getValue(name) as Json.Bool).value

private fun Json.Object.getValue(name: String): Json = fields.getValue(name)
