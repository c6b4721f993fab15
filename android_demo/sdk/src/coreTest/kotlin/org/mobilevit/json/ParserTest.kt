package org.mobilevit.json

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** The limits; what else is JSON and what is none is in the corpus of manifests. */
class ParserTest {
    private fun parse(text: String): Json = parseJson(text.toByteArray())

    private fun refusal(text: String): String =
        assertThrows(JsonException::class.java) { parse(text) }.reason

    @Test
    fun `of a key that stands twice the last counts, and the first is kept`() {
        val json = parse("""{"a": 1, "b": 2, "a": 3}""") as Json.Object
        assertEquals(Json.Number("3"), json["a"])
        assertEquals(listOf("a", "b"), json.fields.keys.toList())
        assertEquals(listOf("a" to Json.Number("1")), json.shadowed)
    }

    @Test
    fun `a number is as it is written`() {
        for (literal in listOf("-0", "12", "1E+5", "0.10", "1e400", "NaN", "-Infinity")) {
            assertEquals(Json.Number(literal), parse(literal))
        }
        assertTrue(Json.Number("-12").isInteger)
        for (literal in listOf("1.0", "1e5", "NaN", "-Infinity")) {
            assertTrue(literal, !Json.Number(literal).isInteger)
        }
        assertEquals(Double.POSITIVE_INFINITY, Json.Number("1e400").toDouble(), 0.0)
    }

    @Test
    fun `200 levels are read, and one more is refused`() {
        parse("[".repeat(200) + "1" + "]".repeat(200))
        assertTrue(refusal("[".repeat(201) + "1" + "]".repeat(201)).contains("recursion limit"))
        assertTrue(refusal("[".repeat(1_000_000)).contains("recursion limit"))
    }

    @Test
    fun `escapes make the characters they stand for`() {
        val text = parse(""""\u0041\"\\\/\b\f\n\r\t\ud83d\ude00é"""") as Json.Text
        assertEquals("A\"\\/\b\u000c\n\r\t😀é", text.value)
    }

    @Test
    fun `bytes that are no UTF-8 are refused, wherever they are`() {
        for (bad in listOf("ff", "c080", "eda080", "f4908080", "e282")) {
            val bytes = bad.chunked(2).map { it.toInt(16).toByte() }.toByteArray()
            val quote = "\"".toByteArray()
            assertThrows(JsonException::class.java) { parseJson(quote + bytes + quote) }
            assertThrows(JsonException::class.java) { parseJson(bytes) }
        }
    }

    @Test
    fun `what is wrong is told with its place`() {
        assertEquals("Invalid JSON: expected value at line 2 column 3", refusal("[1,\n  x]"))
        assertEquals("Invalid JSON: trailing characters at line 1 column 4", refusal("{} {}"))
        assertEquals("Invalid JSON: EOF while parsing a value at line 1 column 1", refusal(""))
    }
}
