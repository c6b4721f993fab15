package org.mobilevit.runtime

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.bytedeco.javacpp.BytePointer
import org.bytedeco.javacpp.Pointer
import org.bytedeco.tensorflowlite.BuiltinOpResolver
import org.bytedeco.tensorflowlite.BuiltinOpResolverWithXNNPACK
import org.bytedeco.tensorflowlite.BuiltinOpResolverWithoutDefaultDelegates
import org.bytedeco.tensorflowlite.FlatBufferModel
import org.bytedeco.tensorflowlite.Interpreter
import org.bytedeco.tensorflowlite.InterpreterBuilder
import org.bytedeco.tensorflowlite.StringIntMap
import org.bytedeco.tensorflowlite.TfLiteTensor
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteVersion
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteBuiltinDelegate
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteFloat16
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteFloat32
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteFloat64
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteInt32
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteInt64
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteInt8
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteOk
import org.bytedeco.tensorflowlite.global.tensorflowlite.kTfLiteUInt8
import org.mobilevit.RefusedException

/**
 * TensorFlow Lite on a Linux JVM, through the C++ binding of Bytedeco: the kernels and the XNNPACK
 * that LiteRT has on a phone, compiled for a desktop. `org.tensorflow.lite` has no natives for one.
 */
class DesktopLiteRt : InferenceRuntime {
    override val name: String get() = "litert"
    override val version: String = TfLiteVersion().string
    override val suffix: String get() = ".tflite"
    override val delegates: List<String> = listOf("xnnpack", "builtin")

    override fun load(artifact: ByteBuffer, threads: Int, delegate: String): Session {
        val resolver = when (delegate) {
            "xnnpack" -> BuiltinOpResolverWithXNNPACK()
            "builtin" -> BuiltinOpResolverWithoutDefaultDelegates()
            else -> throw RefusedException("LiteRT has no delegate `$delegate` here")
        }
        val bytes = BytePointer(artifact)
        val model = FlatBufferModel.VerifyAndBuildFromBuffer(bytes, artifact.remaining().toLong())
        if (model == null || model.isNull) {
            throw RefusedException("LiteRT does not open the artifact: it is not a TFLite model")
        }
        val interpreter = Interpreter(null as Pointer?)
        val builder = InterpreterBuilder(model, resolver)
        builder.SetNumThreads(threads)
        if (builder.apply(interpreter) != kTfLiteOk || interpreter.isNull) {
            throw RefusedException("LiteRT does not open the artifact with `$delegate`")
        }
        return DesktopLiteRtSession(artifact, model, resolver, interpreter)
    }
}

private class DesktopLiteRtSession(
    private val artifact: ByteBuffer, // which the model reads its weights from
    private val model: FlatBufferModel,
    private val resolver: BuiltinOpResolver,
    private val interpreter: Interpreter,
) : Session {
    private val signature: String = interpreter.GetSignatureRunner(null as String?).signature_key()
    private val sources = indices(interpreter.signature_inputs(signature))
    private val targets = indices(interpreter.signature_outputs(signature))

    override val inputs: List<TensorSpec> = sources.map { (name, i) -> spec(name, tensor(i)) }
    override val outputs: List<TensorSpec> = targets.map { (name, i) -> spec(name, tensor(i)) }
    override val delegate: String

    private val results = HashMap<String, ByteBuffer>()
    private var closed = false

    init {
        succeed("allocate its tensors") { interpreter.AllocateTensors() }
        delegate = whatRuns()
    }

    override fun run(feeds: Map<String, ByteBuffer>): Map<String, ByteBuffer> {
        check(!closed) { "the session was closed" }
        for (input in inputs) {
            val feed = feeds[input.name]
                ?: throw RefusedException("input `${input.name}` was not fed")
            resize(input, feed)
            bytes(tensor(sources.getValue(input.name))).put(feed.duplicate())
        }
        succeed("run") { interpreter.Invoke() }
        for ((name, index) in targets) {
            val given = bytes(tensor(index))
            val result = results[name]?.takeIf { it.capacity() == given.capacity() }
                ?: ByteBuffer.allocateDirect(given.capacity()).order(ByteOrder.nativeOrder())
            result.put(given)
            result.rewind()
            results[name] = result
        }
        return results
    }

    private fun resize(input: TensorSpec, feed: ByteBuffer) {
        val index = sources.getValue(input.name)
        if (tensor(index).bytes() == feed.remaining().toLong()) return
        val row = input.shape.drop(1).fold(input.dtype.bytes, Int::times)
        if (input.shape.first() != -1 || feed.remaining() % row != 0) {
            throw RefusedException("input $input is fed ${feed.remaining()} bytes")
        }
        val shape = input.shape.toIntArray()
        shape[0] = feed.remaining() / row
        succeed("take a batch of ${shape[0]}") { interpreter.ResizeInputTensor(index, shape) }
        succeed("take a batch of ${shape[0]}") { interpreter.AllocateTensors() }
    }

    private fun tensor(index: Int): TfLiteTensor = interpreter.tensor(index)

    /** A region given to a delegate is one more node, in the place of those it stands for. */
    private fun whatRuns(): String {
        val plan = interpreter.execution_plan()
        val regions = (0 until plan.limit()).count {
            val node = interpreter.node_and_registration(plan.get(it))
            node.second().builtin_code() == kTfLiteBuiltinDelegate
        }
        return when (regions) {
            0 -> "builtin kernels"
            1 -> "XNNPACK, 1 region"
            else -> "XNNPACK, $regions regions"
        }
    }

    private inline fun succeed(what: String, work: () -> Int) {
        if (work() != kTfLiteOk) throw RefusedException("LiteRT cannot make the artifact $what")
    }

    override fun close() {
        if (closed) return
        closed = true
        interpreter.close()
        resolver.close()
        model.close()
    }
}

private val DTYPES =
    mapOf(
        kTfLiteFloat32 to DType.FLOAT32,
        kTfLiteFloat16 to DType.FLOAT16,
        kTfLiteFloat64 to DType.FLOAT64,
        kTfLiteUInt8 to DType.UINT8,
        kTfLiteInt8 to DType.INT8,
        kTfLiteInt32 to DType.INT32,
        kTfLiteInt64 to DType.INT64,
    )

private fun spec(name: String, tensor: TfLiteTensor): TensorSpec {
    // the signature has -1 where a side is dynamic, and is empty where none is
    val dims = tensor.dims_signature()?.takeIf { it.size() > 0 } ?: tensor.dims()
    val dtype = DTYPES[tensor.type()]
        ?: throw RefusedException(
            "`$name` has elements of type ${tensor.type()}, which is not known",
        )
    return TensorSpec(name, List(dims.size()) { dims.data(it) }, dtype)
}

private fun bytes(tensor: TfLiteTensor): ByteBuffer =
    tensor.data().raw().capacity(tensor.bytes()).asByteBuffer()

private fun indices(signature: StringIntMap): Map<String, Int> {
    val indices = LinkedHashMap<String, Int>()
    var at = signature.begin()
    while (!at.equals(signature.end())) {
        indices[at.first()] = at.second()
        at = at.increment()
    }
    return indices
}
