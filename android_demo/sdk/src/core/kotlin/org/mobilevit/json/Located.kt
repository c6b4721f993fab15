package org.mobilevit.json

import java.math.BigInteger

private const val DIGITS = 18

/**
 * A value in a document, with the way to it, so that what is wrong with it can be said. Types are
 * strict: `1.0` and `"1"` are no integers, and an integer is a number; the words are pydantic's.
 */
internal class Located(val json: Json, val where: String = "") {
    fun fail(reason: String): Nothing = throw JsonException(where, reason)

    fun text(): String = (json as? Json.Text)?.value ?: fail("Input should be a valid string")

    fun integer(): BigInteger {
        if (json !is Json.Number || !json.isInteger) fail("Input should be a valid integer")
        return BigInteger(json.literal)
    }

    fun integer(range: LongRange): Long {
        val value = integer()
        if (value < BigInteger.valueOf(range.first)) {
            fail("Input should be greater than or equal to ${range.first}")
        }
        if (value > BigInteger.valueOf(range.last)) {
            fail("Input should be less than or equal to ${range.last}")
        }
        return value.toLong()
    }

    /** An integer of more digits than jiter reads as a machine's is refused, as pydantic does. */
    fun anyNumber(): Double {
        if (
            json !is Json.Number ||
            (json.isInteger && json.literal.trimStart('-').length > DIGITS)
        ) {
            fail("Input should be a valid number")
        }
        return json.toDouble()
    }

    fun number(): Double {
        val value = anyNumber()
        if (!value.isFinite()) fail("Input should be a finite number")
        return value
    }

    fun number(range: ClosedFloatingPointRange<Double>): Double {
        val value = number()
        val (least, most) = range.start to range.endInclusive
        if (value < least) fail("Input should be greater than or equal to ${least.text()}")
        if (value > most) fail("Input should be less than or equal to ${most.text()}")
        return value
    }

    fun bool(): Boolean = (json as? Json.Bool)?.value ?: fail("Input should be a valid boolean")

    fun oneOf(vararg allowed: String): String {
        val value = (json as? Json.Text)?.value
        if (value !in allowed || value == null) {
            val quoted = allowed.map { "'$it'" }
            val list = listOf(quoted.dropLast(1).joinToString(), quoted.last()).filter { it != "" }
            fail("Input should be ${list.joinToString(" or ")}")
        }
        return value
    }

    /** This, or null where it is JSON's null. */
    fun orNull(): Located? = takeIf { json !is Json.Null }

    fun <T> list(item: Located.() -> T): List<T> =
        items().mapIndexed { i, value -> at("$i", value).item() }

    fun <T> tuple(size: Int, item: Located.() -> T): List<T> {
        val items = items()
        if (items.size > size) {
            fail("Tuple should have at most $size items after validation, not ${items.size}")
        }
        val read = list(item)
        if (read.size < size) throw JsonException(join("${read.size}"), "Field required")
        return read
    }

    private fun items(): List<Json> =
        (json as? Json.Array)?.items ?: fail("Input should be a valid array")

    /** Every value of an object of any keys, those that are shadowed among them. */
    fun map(value: Located.() -> Unit) {
        val json = json as? Json.Object ?: fail("Input should be an object")
        for ((name, inner) in json.shadowed) at(name, inner).value()
        for ((name, inner) in json.fields) at(name, inner).value()
    }

    /** An object of known fields, each of which [read] asks for by name; others are refused. */
    fun <T> record(read: Fields.() -> T): T {
        val fields = fields()
        return fields.read().also { fields.refuseOthers() }
    }

    /** The fields of an object, whatever else it has. */
    fun fields(): Fields = Fields(this, json as? Json.Object ?: fail("Input should be an object"))

    fun at(name: String, value: Json): Located = Located(value, join(name))

    fun join(name: String): String = if (where.isEmpty()) name else "$where.$name"

    private fun Double.text(): String = if (this % 1.0 == 0.0) toLong().toString() else toString()
}

/** The fields of an object, asked for by name. */
internal class Fields(private val at: Located, private val json: Json.Object) {
    private val asked = mutableSetOf<String>()

    fun optional(name: String): Located? {
        asked += name
        return json.fields[name]?.let { at.at(name, it) }
    }

    fun required(name: String): Located =
        optional(name) ?: throw JsonException(at.join(name), "Field required")

    fun refuseOthers() {
        val other = json.fields.keys.find { it !in asked } ?: return
        throw JsonException(at.join(other), "Extra inputs are not permitted")
    }
}
