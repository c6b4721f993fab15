package org.mobilevit.json

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test

class WriterTest {
    @Test
    fun `an object is on one line, its keys in order`() {
        val json =
            jsonObject(
                "z" to 1,
                "a" to listOf(0.1, 1e-9, 2.0f, 0.1f, Long.MIN_VALUE, null, true),
                "o" to mapOf("text" to "a\nb"),
                "e" to jsonObject(),
            )
        assertEquals(
            """{"z":1,"a":[0.1,1.0E-9,2.0,0.1,-9223372036854775808,null,true],""" +
                """"o":{"text":"a\u000ab"},"e":{}}""",
            json.write(),
        )
    }

    @Test
    fun `every character of a string comes back`() {
        val text = String(CharArray(0x10000) { it.toChar() }).filterNot { it.isSurrogate() }
        val json = jsonObject(text to "$text😀")
        val line = json.write()
        assertEquals(json, parseJson(line.toByteArray()))
        assertEquals(emptySet<Char>(), line.filter { it !in ' '..'~' }.toSet())
    }

    @Test
    fun `every double comes back`() {
        for (value in listOf(0.1, 1 / 3.0, Double.MIN_VALUE, Double.MAX_VALUE, -0.0, 1e15, 1e21)) {
            val read = parseJson(jsonOf(value).write().toByteArray()) as Json.Number
            assertEquals(value, read.toDouble(), 0.0)
        }
    }

    @Test
    fun `what JSON has no word for is refused`() {
        for (value in listOf(Double.NaN, Double.NEGATIVE_INFINITY, Float.NaN, Any())) {
            assertThrows(IllegalArgumentException::class.java) { jsonOf(value) }
        }
        assertThrows(IllegalArgumentException::class.java) { Json.Number("NaN").write() }
    }
}
