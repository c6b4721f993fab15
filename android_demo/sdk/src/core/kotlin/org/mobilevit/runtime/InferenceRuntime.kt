package org.mobilevit.runtime

import java.io.Closeable
import java.nio.ByteBuffer
import org.mobilevit.RefusedException

/** Element types of tensors, with the names that manifests and plans have for them. */
enum class DType(val text: String, val bytes: Int) {
    FLOAT32("float32", 4),
    FLOAT16("float16", 2),
    FLOAT64("float64", 8),
    UINT8("uint8", 1),
    INT8("int8", 1),
    INT32("int32", 4),
    INT64("int64", 8),
    ;

    companion object {
        fun of(text: String): DType? = entries.find { it.text == text }
    }
}

/** An input or output of a session. A side of -1 is dynamic. */
data class TensorSpec(val name: String, val shape: List<Int>, val dtype: DType) {
    override fun toString(): String = "$name ${dtype.text} $shape"
}

/** What opens artifacts: LiteRT or ONNX Runtime on a phone, ONNX Runtime on a desktop. */
interface InferenceRuntime {
    /** `litert` or `onnxruntime`, as benchmark plans and results name it. */
    val name: String

    /** Of the library that is loaded. */
    val version: String

    /** The suffix of the artifacts it opens, such as `.tflite`. */
    val suffix: String

    /** What may run an artifact, the default one first: `xnnpack`, `cpu`, `gpu`, `nnapi`. */
    val delegates: List<String>

    /**
     * Opens an artifact.
     *
     * @param artifact the file's bytes; a direct buffer, which the session keeps.
     * @param delegate one of [delegates].
     * @throws RefusedException the runtime does not open the artifact, or the delegate does not
     *   take it; nothing else is tried in its place.
     * @throws org.mobilevit.InputException there are fewer [threads] than one.
     */
    fun load(artifact: ByteBuffer, threads: Int, delegate: String): Session
}

/** An artifact, opened. Belongs to one thread at a time; whoever opened it closes it. */
interface Session : Closeable {
    val inputs: List<TensorSpec>
    val outputs: List<TensorSpec>

    /** What really runs it, in the runtime's words. */
    val delegate: String

    /**
     * Runs once.
     *
     * @param feeds for each input a direct buffer in native byte order, C order, from its position;
     *   positions are left as they are. A dynamic first side becomes what the buffer holds.
     * @return each output in a direct buffer in native byte order, at position 0, valid until the
     *   next run or [close].
     * @throws RefusedException the runtime fails.
     */
    fun run(feeds: Map<String, ByteBuffer>): Map<String, ByteBuffer>
}
