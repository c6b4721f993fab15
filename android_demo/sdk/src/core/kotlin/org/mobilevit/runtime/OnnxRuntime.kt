package org.mobilevit.runtime

import ai.onnxruntime.OnnxJavaType
import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtLoggingLevel
import ai.onnxruntime.OrtProvider
import ai.onnxruntime.OrtSession
import ai.onnxruntime.OrtSession.SessionOptions
import ai.onnxruntime.TensorInfo
import ai.onnxruntime.providers.NNAPIFlags
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.EnumSet
import java.util.concurrent.ExecutionException
import java.util.concurrent.FutureTask
import org.mobilevit.InputException
import org.mobilevit.RefusedException

/**
 * ONNX Runtime, the same on a phone and on a desktop.
 *
 * Its [delegates] are the execution providers of the library that is loaded: `cpu`, and `xnnpack`
 * and `nnapi` where it was built with them. ONNX Runtime gives a provider the nodes it takes, runs
 * the others on its own kernels, and does not tell which: so [Session.delegate] lists what was
 * registered, in order of precedence, such as `NnapiExecutionProvider, CPUExecutionProvider`.
 *
 * @throws RefusedException its native library is not there, or not for this machine.
 */
class OnnxRuntime : InferenceRuntime {
    private val environment = openEnvironment()

    override val name: String get() = "onnxruntime"
    override val version: String = environment.version
    override val suffix: String get() = ".onnx"
    override val delegates: List<String> =
        DELEGATES.filterValues { it in OrtEnvironment.getAvailableProviders() }.keys.toList()

    override fun load(artifact: ByteBuffer, threads: Int, delegate: String): Session {
        if (threads < 1) throw InputException("$threads threads cannot run a model")
        if (delegate !in delegates) {
            throw RefusedException(
                "ONNX Runtime has no delegate `$delegate` here",
                "it has ${delegates.joinToString()}",
            )
        }
        return refusing("ONNX Runtime does not open the artifact with `$delegate`") {
            SessionOptions().use { options ->
                options.configure(threads, delegate)
                val session = environment.createSession(artifact, options)
                var opened = false
                try {
                    OnnxSession(environment, session, registered(delegate)).also { opened = true }
                } finally {
                    if (!opened) session.close()
                }
            }
        }
    }
}

private val DELEGATES =
    mapOf("cpu" to OrtProvider.CPU, "xnnpack" to OrtProvider.XNNPACK, "nnapi" to OrtProvider.NNAPI)

private fun registered(delegate: String): String =
    setOf(DELEGATES.getValue(delegate), OrtProvider.CPU).joinToString { it.getName() }

/**
 * ONNX Runtime 1.29 recurses once and again for each character of the process's command line when it
 * starts, which on a JVM holds the class path: more than a usual thread has room for, and the
 * process would die of it. So it starts on a thread with room.
 */
private fun openEnvironment(): OrtEnvironment {
    val starting = FutureTask {
        OrtEnvironment.getEnvironment().apply { setTelemetry(false) }
    }
    Thread(null, starting, "ONNX Runtime starts", STARTING_STACK_BYTES).start()
    try {
        return starting.get()
    } catch (error: ExecutionException) {
        val cause = error.cause
        // of System.load, and of initializers that call it
        if (cause !is LinkageError && cause !is OrtException) throw error
        throw RefusedException(
            "ONNX Runtime cannot be loaded: ${oneLine(cause.cause ?: cause)}",
            "put ONNX Runtime among the dependencies of the app",
            cause,
        )
    }
}

private const val STARTING_STACK_BYTES = 64L shl 20

private fun SessionOptions.configure(threads: Int, delegate: String) {
    setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR)
    setInterOpNumThreads(1)
    // spinning threads keep cores busy between runs, at the cost of what runs beside them
    addConfigEntry("session.intra_op.allow_spinning", "0")
    when (delegate) {
        "xnnpack" -> {
            // it has a pool of its own, which the session's would fight for the cores
            setIntraOpNumThreads(1)
            addXnnpack(mapOf("intra_op_num_threads" to threads.toString()))
        }

        "nnapi" -> {
            setIntraOpNumThreads(threads)
            // Android's reference kernels would be NNAPI by name only
            addNnapi(EnumSet.of(NNAPIFlags.CPU_DISABLED))
        }

        else -> setIntraOpNumThreads(threads)
    }
}

private class OnnxSession(
    private val environment: OrtEnvironment,
    private val session: OrtSession,
    override val delegate: String,
) : Session {
    override val inputs: List<TensorSpec> = session.inputInfo.values.map { spec(it.name, it.info) }
    override val outputs: List<TensorSpec> = session.outputInfo.values.map {
        spec(it.name, it.info)
    }

    // as they were last time: the same buffers need no new tensors
    private val bound = HashMap<String, BoundTensor>()
    private val fed = HashMap<String, OnnxTensor>()
    private val pinned = HashMap<String, OnnxTensor>()
    private val results = HashMap<String, ByteBuffer>()
    private var batch = 0
    private var closed = false

    override fun run(feeds: Map<String, ByteBuffer>): Map<String, ByteBuffer> {
        check(!closed) { "the session was closed" }
        return refusing("ONNX Runtime does not run the artifact") {
            for (input in inputs) bind(input, feeds[input.name])
            pinOutputs()
            session.run(fed, pinned).close() // frees nothing that is pinned
            results
        }
    }

    private fun bind(input: TensorSpec, feed: ByteBuffer?) {
        if (feed == null) throw RefusedException("input `${input.name}` was not fed")
        val before = bound[input.name]
        if (before != null && before.holds(feed)) return
        val shape = shapeOf(input, feed)
        val tensor = tensor(feed.slice(), shape, input.dtype)
        bound.put(input.name, BoundTensor(feed, tensor))?.tensor?.close()
        fed[input.name] = tensor
        if (input.shape.firstOrNull() == -1) batch = shape[0].toInt()
    }

    private fun pinOutputs() {
        for (output in outputs) {
            val shape = output.shape.toLongArray()
            if (shape.firstOrNull() == -1L) shape[0] = batch.toLong()
            if (pinned[output.name]?.info?.shape?.contentEquals(shape) == true) continue
            val bytes = shape.fold(output.dtype.bytes.toLong(), Long::times)
            val buffer = ByteBuffer.allocateDirect(bytes.toInt()).order(ByteOrder.nativeOrder())
            pinned.put(output.name, tensor(buffer, shape, output.dtype))?.close()
            results[output.name] = buffer
        }
    }

    private fun tensor(buffer: ByteBuffer, shape: LongArray, dtype: DType): OnnxTensor =
        OnnxTensor.createTensor(environment, buffer, shape, ONNX_TYPES.getValue(dtype))

    override fun close() {
        if (closed) return
        closed = true
        bound.values.forEach { it.tensor.close() }
        pinned.values.forEach { it.close() }
        session.close()
    }
}

/** A tensor over what lies in [buffer] from the position that it had. */
private class BoundTensor(private val buffer: ByteBuffer, val tensor: OnnxTensor) {
    private val position = buffer.position()
    private val limit = buffer.limit()

    fun holds(feed: ByteBuffer): Boolean =
        feed === buffer && feed.position() == position && feed.limit() == limit
}

private val ONNX_TYPES =
    mapOf(
        DType.FLOAT32 to OnnxJavaType.FLOAT,
        DType.FLOAT16 to OnnxJavaType.FLOAT16,
        DType.FLOAT64 to OnnxJavaType.DOUBLE,
        DType.UINT8 to OnnxJavaType.UINT8,
        DType.INT8 to OnnxJavaType.INT8,
        DType.INT32 to OnnxJavaType.INT32,
        DType.INT64 to OnnxJavaType.INT64,
    )

private fun spec(name: String, info: Any): TensorSpec {
    val tensor = info as? TensorInfo ?: throw RefusedException("`$name` is not a tensor: $info")
    val shape = tensor.shape.map { it.toInt() }
    val dtype = ONNX_TYPES.entries.find { it.value == tensor.type }?.key
        ?: throw RefusedException("`$name` has elements of type ${tensor.type}, which is not known")
    if (-1 in shape.drop(1)) {
        throw RefusedException("`$name` is $shape, dynamic in more than the batch")
    }
    return TensorSpec(name, shape, dtype)
}

/** The shape of a feed; a dynamic first side becomes what the buffer holds. */
private fun shapeOf(input: TensorSpec, feed: ByteBuffer): LongArray {
    require(feed.isDirect) { "input `${input.name}` is fed from a buffer that is not direct" }
    val shape = input.shape.toLongArray()
    val dynamic = shape.firstOrNull() == -1L
    if (dynamic) shape[0] = 1
    val bytes = shape.fold(input.dtype.bytes.toLong(), Long::times)
    val batch = feed.remaining() / bytes
    if (batch * bytes != feed.remaining().toLong() || batch < 1 || (batch > 1 && !dynamic)) {
        throw RefusedException("input $input is fed ${feed.remaining()} bytes, and takes $bytes")
    }
    if (dynamic) shape[0] = batch
    return shape
}

private fun List<Int>.toLongArray() = LongArray(size) { this[it].toLong() }

/** What ONNX Runtime throws in [work], as [RefusedException]. */
private inline fun <T> refusing(refusal: String, work: () -> T): T = try {
    work()
} catch (error: OrtException) {
    throw RefusedException("$refusal: ${oneLine(error)}", null, error)
}

private fun oneLine(error: Throwable): String {
    val words = error.message ?: error.javaClass.name
    return words.substringAfter("message: ").trim().lineSequence().first()
}
