package org.mobilevit.android

import android.os.Build
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.mobilevit.InputException
import org.mobilevit.RefusedException
import org.mobilevit.runtime.DType
import org.mobilevit.runtime.InferenceRuntime
import org.mobilevit.runtime.Session
import org.mobilevit.runtime.TensorSpec
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Delegate
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.Tensor
import org.tensorflow.lite.TensorFlowLite
import org.tensorflow.lite.gpu.CompatibilityList
import org.tensorflow.lite.gpu.GpuDelegate
import org.tensorflow.lite.nnapi.NnApiDelegate

/**
 * LiteRT, once TensorFlow Lite. Its [delegates]:
 *
 * - `xnnpack`: on the CPU, in float32.
 * - `builtin`: on the CPU, by LiteRT's own kernels.
 * - `gpu`: where LiteRT's list has this phone's GPU. It may compute in float16. A session runs on
 *   the thread that opened it only.
 * - `nnapi`: from Android 8.1, without Android's own reference kernels. Android 15 deprecates NNAPI:
 *   it is here to measure the phones that have an accelerator behind it.
 *
 * LiteRT does not tell an app which part of a graph a delegate took; what is left runs on XNNPACK.
 * [Session.delegate] therefore names what was registered, and claims no more.
 *
 * @throws RefusedException its native library is not there, or not for this phone.
 */
class LiteRt : InferenceRuntime {
    override val name: String get() = "litert"
    override val version: String =
        refusing("LiteRT cannot be loaded", "put LiteRT among the dependencies of the app") {
            TensorFlowLite.runtimeVersion()
        }
    override val suffix: String get() = ".tflite"
    override val delegates: List<String> =
        listOf("xnnpack", "builtin", "gpu") + if (hasNnapi()) listOf("nnapi") else emptyList()

    override fun load(artifact: ByteBuffer, threads: Int, delegate: String): Session {
        if (threads < 1) throw InputException("$threads threads cannot run a model")
        if (delegate !in delegates) {
            throw RefusedException(
                "LiteRT has no delegate `$delegate` here",
                "it has ${delegates.joinToString()}",
            )
        }
        val options = Interpreter.Options()
            .setNumThreads(threads)
            .setUseXNNPACK(delegate != "builtin")
        val model = artifact.slice().order(ByteOrder.nativeOrder())
        return refusing("LiteRT does not open the artifact with `$delegate`") {
            closingUnlessDone { owned ->
                delegate(delegate)?.let { options.addDelegate(owned.add(it)) }
                LiteRtSession(
                    owned.add(Interpreter(model, options)),
                    SAYS.getValue(delegate),
                    owned,
                )
            }
        }
    }
}

private val SAYS =
    mapOf(
        "xnnpack" to "XNNPACK",
        "builtin" to "builtin kernels",
        "gpu" to "GPU delegate, XNNPACK for what it leaves",
        "nnapi" to "NNAPI, XNNPACK for what it leaves",
    )

private fun hasNnapi() = Build.VERSION.SDK_INT >= Build.VERSION_CODES.O_MR1

private fun delegate(name: String): Delegate? = when (name) {
    "gpu" -> gpuDelegate()
    "nnapi" -> NnApiDelegate(NnApiDelegate.Options().setUseNnapiCpu(false))
    else -> null
}

private fun gpuDelegate(): Delegate = CompatibilityList().use { list ->
    if (!list.isDelegateSupportedOnThisDevice) {
        throw RefusedException(
            "the GPU of ${Build.MANUFACTURER} ${Build.MODEL} is not on LiteRT's list of those " +
                "that compute right",
            "use `xnnpack`",
        )
    }
    GpuDelegate(list.bestOptionsForThisDevice)
}

private class LiteRtSession(
    private val interpreter: Interpreter,
    override val delegate: String,
    private val owned: Owned,
) : Session {
    private val signature = interpreter.signatureKeys.firstOrNull()
        ?: throw RefusedException("the artifact has no signature, which names inputs and outputs")
    private val sources = interpreter.getSignatureInputs(signature).associateWith { name ->
        val index = interpreter.getInputTensorFromSignature(name, signature).index()
        place(name, interpreter.inputTensorCount) {
            interpreter.getInputTensor(it).index() == index
        }
    }
    private val targets = interpreter.getSignatureOutputs(signature).associateWith { name ->
        val index = interpreter.getOutputTensorFromSignature(name, signature).index()
        place(name, interpreter.outputTensorCount) {
            interpreter.getOutputTensor(it).index() == index
        }
    }

    override val inputs: List<TensorSpec> =
        sources.map { (name, place) -> spec(name, interpreter.getInputTensor(place)) }
    override val outputs: List<TensorSpec> =
        targets.map { (name, place) -> spec(name, interpreter.getOutputTensor(place)) }

    // as they were last time: the same feeds need no new views
    private val fed = arrayOfNulls<FeedView>(sources.size)
    private val views = arrayOfNulls<Any>(sources.size)
    private val results = HashMap<String, ByteBuffer>()
    private val placed = HashMap<Int, Any>()

    init {
        interpreter.allocateTensors()
        makeResults()
    }

    override fun run(feeds: Map<String, ByteBuffer>): Map<String, ByteBuffer> {
        check(!owned.isClosed) { "the session was closed" }
        return refusing("LiteRT does not run the artifact") {
            for (input in inputs) feed(input, feeds[input.name])
            for (result in results.values) result.rewind()
            interpreter.runForMultipleInputsOutputs(views, placed)
            for (result in results.values) result.rewind()
            results
        }
    }

    private fun feed(input: TensorSpec, feed: ByteBuffer?) {
        if (feed == null) throw RefusedException("input `${input.name}` was not fed")
        val place = sources.getValue(input.name)
        if (fed[place]?.isOf(feed) == true) return
        require(feed.isDirect) { "input `${input.name}` is fed from a buffer that is not direct" }
        val bytes = interpreter.getInputTensor(place).numBytes()
        if (feed.remaining() != bytes) resize(input, place, feed)
        val view = FeedView(feed)
        fed[place] = view
        views[place] = view.slice
    }

    private fun resize(input: TensorSpec, place: Int, feed: ByteBuffer) {
        val row = input.shape.drop(1).fold(input.dtype.bytes, Int::times)
        val shape = input.shape.toIntArray()
        if (shape.firstOrNull() != -1 || feed.remaining() % row != 0 || !feed.hasRemaining()) {
            throw RefusedException("input $input is fed ${feed.remaining()} bytes")
        }
        shape[0] = feed.remaining() / row
        interpreter.resizeInput(place, shape)
        interpreter.allocateTensors()
        makeResults()
    }

    private fun makeResults() {
        for ((name, place) in targets) {
            val bytes = interpreter.getOutputTensor(place).numBytes()
            val buffer = ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())
            results[name] = buffer
            placed[place] = buffer
        }
    }

    override fun close() = owned.close()
}

/** LiteRT reads a buffer from its start, whatever its position. */
private class FeedView(private val feed: ByteBuffer) {
    private val position = feed.position()
    private val limit = feed.limit()
    val slice: ByteBuffer = feed.slice().order(ByteOrder.nativeOrder())

    fun isOf(other: ByteBuffer): Boolean =
        other === feed && other.position() == position && other.limit() == limit
}

private inline fun place(name: String, count: Int, isIt: (Int) -> Boolean): Int =
    (0 until count).firstOrNull(isIt)
        ?: throw RefusedException("`$name` of the signature is not in the artifact's main graph")

private val DTYPES =
    mapOf(
        DataType.FLOAT32 to DType.FLOAT32,
        DataType.UINT8 to DType.UINT8,
        DataType.INT8 to DType.INT8,
        DataType.INT32 to DType.INT32,
        DataType.INT64 to DType.INT64,
    )

private fun spec(name: String, tensor: Tensor): TensorSpec {
    val dtype = DTYPES[tensor.dataType()]
        ?: throw RefusedException(
            "`$name` has elements of type ${tensor.dataType()}, which is not known",
        )
    val shape = tensor.shapeSignature().toList()
    if (-1 in shape.drop(1)) {
        throw RefusedException("`$name` is $shape, dynamic in more than the batch")
    }
    return TensorSpec(name, shape, dtype)
}
