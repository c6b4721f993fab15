package org.mobilevit.benchmark

import java.io.File
import java.io.FileInputStream
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import java.security.MessageDigest
import java.util.Random
import org.mobilevit.InputException
import org.mobilevit.bundle.hex
import org.mobilevit.runtime.DType
import org.mobilevit.runtime.TensorSpec

/**
 * What a session is run with: the arrays of the plan's files, or drawn ones of [batch] where it has
 * none. Direct buffers; Android's processors are little-endian, as the files are.
 *
 * @throws InputException they are not what the artifact takes.
 */
internal fun feedsOf(
    planned: List<PlannedFeed>?,
    folder: File,
    inputs: List<TensorSpec>,
    batch: Int,
    seed: Long,
): Map<String, ByteBuffer> {
    if (planned == null) return drawFeeds(inputs, batch, seed)
    checkFeeds(planned, inputs)
    return planned.associate { it.name to readFeed(it, folder) }
}

/** Floats uniform in 0..255, as of a photo; bytes over their whole range. */
internal fun drawFeeds(inputs: List<TensorSpec>, batch: Int, seed: Long): Map<String, ByteBuffer> {
    val random = Random(seed)
    return inputs.associate { it.name to draw(it, batch, random) }
}

private fun draw(spec: TensorSpec, batch: Int, random: Random): ByteBuffer {
    val isDynamic = spec.shape.firstOrNull() == ANY
    val shape = if (isDynamic) listOf(batch) + spec.shape.drop(1) else spec.shape
    if (batch != 1 && shape.firstOrNull() != batch) {
        throw InputException("the batch of input ${described(spec)} is fixed, and not $batch")
    }
    val count = shape.fold(1) { product, side -> product * side }
    val put: (ByteBuffer) -> Unit =
        when (spec.dtype) {
            DType.FLOAT32 -> { to -> to.putFloat((random.nextDouble() * 255).toFloat()) }
            DType.FLOAT64 -> { to -> to.putDouble(random.nextDouble() * 255) }
            DType.FLOAT16 -> { to -> to.putShort(half((random.nextDouble() * 255).toFloat())) }
            DType.UINT8, DType.INT8 -> { to -> to.put(random.nextInt().toByte()) }
            else -> throw undrawable(spec)
        }
    if (ANY in shape) throw undrawable(spec)
    val feed = ByteBuffer.allocateDirect(count * spec.dtype.bytes).order(ByteOrder.nativeOrder())
    repeat(count) { put(feed) }
    feed.rewind()
    return feed
}

private fun undrawable(spec: TensorSpec) = InputException(
    "no feed can be drawn for input ${described(spec)}",
    "give feeds, as of a bundle's golden images",
)

/** A number of 0..255 as the nearest half-precision float; below 2^-14 it becomes 0. */
internal fun half(value: Float): Short {
    val bits = java.lang.Float.floatToIntBits(value)
    val exponent = (bits ushr 23) - 127 + 15
    if (exponent <= 0) return 0
    val exact = (exponent shl 10) or ((bits and 0x7fffff) ushr 13)
    val rest = bits and 0x1fff
    // to even where it is in the middle; a carry goes into the exponent, as it should
    val up = rest > 0x1000 || (rest == 0x1000 && exact and 1 == 1)
    return (if (up) exact + 1 else exact).toShort()
}

private fun checkFeeds(planned: List<PlannedFeed>, inputs: List<TensorSpec>) {
    if (planned.map { it.name }.toSet() != inputs.map { it.name }.toSet()) {
        val wanted = inputs.joinToString { "`${it.name}`" }
        val given = planned.joinToString { "`${it.name}`" }.ifEmpty { "none" }
        throw InputException("the model takes the inputs $wanted; given: $given")
    }
    for (spec in inputs) {
        val given = planned.first { it.name == spec.name }
        val fits =
            given.shape.size == spec.shape.size &&
                given.shape.zip(spec.shape).all { (side, takes) -> takes == ANY || takes == side }
        if (given.dtype != spec.dtype.text || !fits) {
            val told = described(given.name, given.dtype, given.shape)
            throw InputException("the model takes ${described(spec)}; given: $told")
        }
    }
}

private fun readFeed(planned: PlannedFeed, folder: File): ByteBuffer {
    val content =
        read(File(folder, planned.file)) { channel ->
            val bytes = ByteBuffer.allocateDirect(Math.toIntExact(channel.size()))
            var read = 0
            while (read >= 0 && bytes.hasRemaining()) read = channel.read(bytes)
            bytes
        }
    content.flip()
    val wanted = planned.shape.fold(sizeOf(planned.dtype)) { product, side -> product * side }
    if (content.remaining().toLong() != wanted) {
        throw InputException("`${planned.file}` does not hold ${planned.dtype} ${planned.shape}")
    }
    return content.order(ByteOrder.nativeOrder())
}

/**
 * An artifact's bytes, mapped: they take nothing of the Java heap.
 *
 * @throws InputException it is missing, or is not the file that was planned.
 */
internal fun mapArtifact(case: PlannedCase, folder: File): ByteBuffer {
    val bytes =
        read(File(folder, case.artifact)) { channel ->
            channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size())
        }
    val hash = MessageDigest.getInstance("SHA-256").apply { update(bytes.duplicate()) }.digest()
    if (hex(hash) != case.artifactSha256) {
        throw InputException(
            "`${case.artifact}` is not the file that was planned: its SHA-256 is another",
            "send the plan again",
        )
    }
    return bytes.order(ByteOrder.nativeOrder())
}

private fun <T> read(file: File, block: (FileChannel) -> T): T = try {
    FileInputStream(file).use { block(it.channel) }
} catch (error: IOException) {
    throw InputException("cannot read `${file.path}`: ${error.message}", cause = error)
}

private fun sizeOf(dtype: String): Long = dtype.filter(Char::isDigit).toLong() / 8

/** As the Python runner's messages have it. */
private fun described(spec: TensorSpec) = described(spec.name, spec.dtype.text, spec.shape)

private fun described(name: String, dtype: String, shape: List<Int>): String {
    val sides = shape.joinToString { if (it == ANY) "any" else it.toString() }
    return "`$name`, $dtype ($sides)"
}

private const val ANY = -1
