package org.mobilevit.json

/** A JSON value. Objects keep the order of their keys; of one that stands twice the last counts. */
sealed interface Json {
    /** @property shadowed what stood under keys that stand again later. */
    data class Object(
        val fields: Map<String, Json>,
        val shadowed: List<Pair<String, Json>> = emptyList(),
    ) : Json {
        operator fun get(name: String): Json? = fields[name]
    }

    data class Array(val items: List<Json>) : Json

    data class Text(val value: String) : Json

    /**
     * As it is written; an integer has neither point nor exponent. [parseJson] also reads `NaN`,
     * `Infinity` and `-Infinity`, which JSON does not have, and [write] does not write them.
     */
    data class Number(val literal: String) : Json {
        val isInteger: Boolean get() = literal.all { it == '-' || it in '0'..'9' }

        /** The nearest double; infinite where it is too large for one. */
        fun toDouble(): Double = literal.toDouble()
    }

    data class Bool(val value: Boolean) : Json

    data object Null : Json
}

/** An object of values as [jsonOf] takes them, in this order. */
fun jsonObject(vararg fields: Pair<String, Any?>): Json.Object =
    Json.Object(fields.associateTo(LinkedHashMap()) { (name, value) -> name to jsonOf(value) })

/**
 * JSON of null, a boolean, text, a number, a list, a map or what is JSON already.
 *
 * @throws IllegalArgumentException another type, or a number that is not finite: JSON has none.
 */
fun jsonOf(value: Any?): Json = when (value) {
    null -> Json.Null

    is Json -> value

    is Boolean -> Json.Bool(value)

    is CharSequence -> Json.Text(value.toString())

    is Byte, is Short, is Int, is Long -> Json.Number(value.toString())

    is Float -> jsonOf(value.toString().toDouble())

    // 0.1f is 0.1
    is Double -> {
        require(value.isFinite()) { "JSON has no $value" }
        Json.Number(value.toString())
    }

    is Iterable<*> -> Json.Array(value.map(::jsonOf))

    is Map<*, *> ->
        Json.Object(
            value.entries.associateTo(LinkedHashMap()) { "${it.key}" to jsonOf(it.value) },
        )

    else -> throw IllegalArgumentException("no JSON for ${value.javaClass.name}")
}
