package org.mobilevit.json

import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException

private const val MAX_DEPTH = 200 // containers in containers; an empty one does not count
private const val MAX_DIGITS = 4300 // of an integer or what stands before the point, with its sign

/**
 * Reads UTF-8. Accepts what jiter does, the parser of the Python reader: RFC 8259 and the words
 * `NaN`, `Infinity` and `-Infinity`; no byte order mark, no lone surrogates.
 *
 * @throws JsonException not JSON, nested too deeply, or a number of thousands of digits.
 */
fun parseJson(utf8: ByteArray): Json = Parser(utf8).document()

private class Parser(private val bytes: ByteArray) {
    private var at = 0
    private var depth = 0

    fun document(): Json {
        val value = value()
        skipSpace()
        if (at < bytes.size) fail("trailing characters")
        return value
    }

    private fun value(): Json {
        skipSpace()
        return when (peek()) {
            '{'.code -> nested { fields() }
            '['.code -> nested { items() }
            '"'.code -> Json.Text(text())
            't'.code -> word("true", Json.Bool(true))
            'f'.code -> word("false", Json.Bool(false))
            'n'.code -> word("null", Json.Null)
            'N'.code -> word("NaN", Json.Number("NaN"))
            'I'.code -> word("Infinity", Json.Number("Infinity"))
            '-'.code, in DIGITS -> number()
            END -> fail("EOF while parsing a value")
            else -> fail("expected value")
        }
    }

    private inline fun nested(container: () -> Json): Json {
        at++
        skipSpace()
        depth++
        val value = container()
        depth--
        return value
    }

    private fun fields(): Json {
        val fields = LinkedHashMap<String, Json>()
        val shadowed = mutableListOf<Pair<String, Json>>()
        if (taken('}')) return Json.Object(fields)
        checkDepth()
        do {
            skipSpace()
            if (peek() == '}'.code) fail("trailing comma")
            if (peek() != '"'.code) fail("key must be a string")
            val name = text()
            skipSpace()
            if (!taken(':')) fail("expected `:`")
            val value = value()
            fields.put(name, value)?.let { shadowed += name to it }
            skipSpace()
        } while (taken(','))
        if (!taken('}')) fail("expected `,` or `}`")
        return Json.Object(fields, shadowed)
    }

    private fun items(): Json {
        val items = mutableListOf<Json>()
        if (taken(']')) return Json.Array(items)
        checkDepth()
        do {
            skipSpace()
            if (items.isNotEmpty() && peek() == ']'.code) fail("trailing comma")
            items += value()
            skipSpace()
        } while (taken(','))
        if (!taken(']')) fail("expected `,` or `]`")
        return Json.Array(items)
    }

    private fun checkDepth() {
        if (depth > MAX_DEPTH) fail("recursion limit exceeded")
    }

    private fun text(): String {
        at++
        val text = StringBuilder()
        var start = at
        while (true) {
            when (peek()) {
                '"'.code -> {
                    decode(start, at++, text)
                    return text.toString()
                }

                '\\'.code -> {
                    decode(start, at++, text)
                    escape(text)
                    start = at
                }

                END -> fail("EOF while parsing a string")

                in 0..0x1f -> fail("control character found while parsing a string")

                else -> at++
            }
        }
    }

    private fun decode(start: Int, end: Int, text: StringBuilder) {
        try {
            // a new decoder reports what is malformed
            val decoder = Charsets.UTF_8.newDecoder()
            text.append(decoder.decode(ByteBuffer.wrap(bytes, start, end - start)))
        } catch (_: CharacterCodingException) {
            fail("invalid unicode code point")
        }
    }

    private fun escape(text: StringBuilder) {
        when (val kind = next()) {
            '"'.code, '\\'.code, '/'.code -> text.append(kind.toChar())
            'b'.code -> text.append('\b')
            'f'.code -> text.append('\u000c')
            'n'.code -> text.append('\n')
            'r'.code -> text.append('\r')
            't'.code -> text.append('\t')
            'u'.code -> unicode(text)
            else -> fail("invalid escape")
        }
    }

    private fun unicode(text: StringBuilder) {
        val unit = hex()
        text.append(unit)
        if (unit.isLowSurrogate()) fail("lone leading surrogate in hex escape")
        if (unit.isHighSurrogate()) {
            if (next() != '\\'.code || next() != 'u'.code) fail("unexpected end of hex escape")
            val low = hex()
            if (!low.isLowSurrogate()) fail("lone leading surrogate in hex escape")
            text.append(low)
        }
    }

    private fun hex(): Char {
        var unit = 0
        repeat(4) {
            val digit = Character.digit(next().coerceAtLeast(0), 16)
            if (digit < 0) fail("invalid escape")
            unit = unit * 16 + digit
        }
        return unit.toChar()
    }

    private fun number(): Json {
        val start = at
        if (taken('-') && peek() == 'I'.code) return word("Infinity", Json.Number("-Infinity"))
        if (taken('0')) {
            if (peek() in DIGITS) fail("invalid number")
        } else {
            digits()
        }
        if (at - start > MAX_DIGITS) fail("number out of range")
        if (taken('.')) digits()
        if (taken('e') || taken('E')) {
            if (!taken('+')) taken('-')
            digits()
        }
        return Json.Number(String(bytes, start, at - start, Charsets.US_ASCII))
    }

    private fun digits() {
        if (peek() !in DIGITS) fail("invalid number")
        while (peek() in DIGITS) at++
    }

    private fun word(word: String, value: Json): Json {
        for (letter in word) if (!taken(letter)) fail("expected ident")
        return value
    }

    private fun skipSpace() {
        while (isSpace(peek())) at++
    }

    private fun isSpace(byte: Int): Boolean =
        byte == ' '.code || byte == '\n'.code || byte == '\r'.code || byte == '\t'.code

    private fun peek(): Int = if (at < bytes.size) bytes[at].toInt() and 0xff else END

    private fun next(): Int = peek().also { at++ }

    private fun taken(character: Char): Boolean = (peek() == character.code).also { if (it) at++ }

    private fun fail(reason: String): Nothing {
        var line = 1
        var start = 0
        for (i in 0 until at.coerceAtMost(bytes.size)) {
            if (bytes[i] == '\n'.code.toByte()) {
                line++
                start = i + 1
            }
        }
        throw JsonException("", "Invalid JSON: $reason at line $line column ${at - start + 1}")
    }

    private companion object {
        const val END = -1
        val DIGITS = '0'.code..'9'.code
    }
}
