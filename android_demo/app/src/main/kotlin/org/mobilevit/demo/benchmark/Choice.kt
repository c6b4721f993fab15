package org.mobilevit.demo.benchmark

import org.mobilevit.benchmark.ProtocolSettings
import org.mobilevit.bundle.ArtifactRecord
import org.mobilevit.bundle.Manifest
import org.mobilevit.runtime.InferenceRuntime

/** How long to measure. [FULL] is what `mobilevit benchmark` does by default. */
enum class Mode(val settings: ProtocolSettings) {
    QUICK(ProtocolSettings(launches = 2, rounds = 6)),
    FULL(ProtocolSettings()),
    SUSTAINED(ProtocolSettings(launches = 1, sustainedS = 60.0)),
}

/** An artifact of the bundle, and a runtime that opens such. */
data class Offer(val artifact: ArtifactRecord, val runtime: InferenceRuntime)

/** What a person wants measured. */
data class Choice(val offer: Offer, val delegate: String, val threads: Int, val mode: Mode)

/** Everything in the bundle that one of the [runtimes] opens, in their order. */
fun offers(manifest: Manifest, runtimes: List<InferenceRuntime>): List<Offer> =
    runtimes.flatMap { runtime ->
        manifest.artifacts
            .filter { it.file.endsWith(runtime.suffix) }
            .map { Offer(it, runtime) }
    }

internal fun cores(): Int = Runtime.getRuntime().availableProcessors()

/** 1, 2, 4 … up to the number of [cores], which is among them. */
fun threadCounts(cores: Int): List<Int> =
    generateSequence(1) { it * 2 }.takeWhile { it < cores }.toList() + maxOf(cores, 1)
