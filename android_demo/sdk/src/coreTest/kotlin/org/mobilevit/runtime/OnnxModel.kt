package org.mobilevit.runtime

import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * An ONNX model of one `Identity` from `x` to `y`, written as onnx.proto numbers its fields.
 *
 * @param type of `TensorProto.DataType`.
 * @param sides of both; a name is dynamic.
 */
fun identityModel(type: Int, sides: List<Any>): ByteBuffer {
    val node = message(1 to "x", 2 to "y", 4 to "Identity")
    val shape =
        message(
            *sides.map {
                1 to if (it is Int) message(1 to it) else message(2 to it)
            }.toTypedArray(),
        )
    val tensor = message(1 to message(1 to type, 2 to shape))
    val graph = message(
        1 to node,
        2 to "graph",
        11 to message(1 to "x", 2 to tensor),
        12 to message(1 to "y", 2 to tensor),
    )
    val model = message(1 to 8, 7 to graph, 8 to message(2 to 13))
    return ByteBuffer.allocateDirect(model.size).order(ByteOrder.nativeOrder()).apply {
        put(model)
        rewind()
    }
}

/** Protocol Buffers: numbers as varints, text and messages with their length. */
private fun message(vararg fields: Pair<Int, Any>): ByteArray {
    val bytes = ByteArrayOutputStream()
    for ((number, value) in fields) {
        when (value) {
            is Int -> {
                bytes.varint(number shl 3)
                bytes.varint(value)
            }

            else -> {
                val content = if (value is String) value.toByteArray() else value as ByteArray
                bytes.varint(number shl 3 or 2)
                bytes.varint(content.size)
                bytes.write(content)
            }
        }
    }
    return bytes.toByteArray()
}

private fun ByteArrayOutputStream.varint(value: Int) {
    var rest = value
    while (rest > 127) {
        write(rest and 127 or 128)
        rest = rest ushr 7
    }
    write(rest)
}
