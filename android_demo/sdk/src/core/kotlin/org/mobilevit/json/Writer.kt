package org.mobilevit.json

/**
 * The value on one line, without spaces, in ASCII.
 *
 * @throws IllegalArgumentException a number among it is not finite: JSON has none.
 */
fun Json.write(): String = StringBuilder().also { it.add(this) }.toString()

private fun StringBuilder.add(value: Json) {
    when (value) {
        is Json.Null -> append("null")

        is Json.Bool -> append(value.value)

        is Json.Text -> quote(value.value)

        is Json.Number -> {
            require(value.literal.last() in '0'..'9') { "JSON has no ${value.literal}" }
            append(value.literal)
        }

        is Json.Array -> between('[', value.items, ']') { add(it) }

        is Json.Object ->
            between('{', value.fields.entries, '}') { (name, field) ->
                quote(name)
                append(':')
                add(field)
            }
    }
}

private inline fun <T> StringBuilder.between(
    open: Char,
    items: Collection<T>,
    close: Char,
    add: (T) -> Unit,
) {
    append(open)
    items.forEachIndexed { i, item ->
        if (i > 0) append(',')
        add(item)
    }
    append(close)
}

private fun StringBuilder.quote(text: String) {
    append('"')
    for (character in text) {
        when (character) {
            '"', '\\' -> append('\\').append(character)
            in ' '..'~' -> append(character)
            else -> append("\\u").append(character.code.toString(16).padStart(4, '0'))
        }
    }
    append('"')
}
