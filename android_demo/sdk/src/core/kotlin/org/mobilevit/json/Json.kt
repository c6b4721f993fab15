package org.mobilevit.json

/** A JSON value. Objects keep the order of their keys; of a key that stands twice the last counts. */
sealed interface Json {
    data class Object(val fields: Map<String, Json>) : Json

    data class Array(val items: List<Json>) : Json

    data class Text(val value: String) : Json

    /** As it is written; an integer has neither point nor exponent. */
    data class Number(val literal: String) : Json

    data class Bool(val value: Boolean) : Json

    data object Null : Json
}
