package org.mobilevit.json

private const val LONGEST = 200 // characters of a name that is quoted

/**
 * A text that is not JSON, or a value that is not what was expected there.
 *
 * @property where names and indices on the way to the value, with points between them; empty for
 *   the whole.
 * @property reason what is wrong, in the words of the Python reader.
 */
class JsonException(val where: String, val reason: String) :
    Exception(if (where.isEmpty()) reason else "$where: $reason") {
    /** The same in one line: names from the file are cut, and control characters are escaped. */
    fun oneLine(): String {
        val text = if (where.isEmpty()) reason else "${where.takeCodePoints(LONGEST)}: $reason"
        return buildString {
            for (character in text.codePoints()) {
                if (isPrintable(character)) {
                    appendCodePoint(character)
                } else {
                    append(escaped(character))
                }
            }
        }
    }
}

/** The first characters, where one outside the BMP is one. */
internal fun String.takeCodePoints(count: Int): String =
    substring(0, offsetByCodePoints(0, count.coerceAtMost(codePointCount(0, length))))

/** As `str.isprintable` has it. */
private fun isPrintable(character: Int): Boolean = when (Character.getType(character).toByte()) {
    Character.CONTROL,
    Character.FORMAT,
    Character.SURROGATE,
    Character.PRIVATE_USE,
    Character.UNASSIGNED,
    Character.LINE_SEPARATOR,
    Character.PARAGRAPH_SEPARATOR,
    -> false

    Character.SPACE_SEPARATOR -> character == ' '.code

    else -> true
}

/** As `ascii` writes it. */
private fun escaped(character: Int): String = when {
    character == '\n'.code -> "\\n"
    character == '\r'.code -> "\\r"
    character == '\t'.code -> "\\t"
    character <= 0xff -> "\\x%02x".format(character)
    character <= 0xffff -> "\\u%04x".format(character)
    else -> "\\U%08x".format(character)
}
