package org.mobilevit.desktop

import org.mobilevit.benchmark.LinuxFacts
import org.mobilevit.benchmark.Machine
import org.mobilevit.json.Json
import org.mobilevit.json.jsonObject

/** This machine, as far as a JVM on Linux can tell. */
class LinuxMachine(private val facts: LinuxFacts = LinuxFacts()) : Machine {
    override fun describe(): Json.Object = jsonObject(
        "model" to facts.model(),
        "chip" to facts.chip(),
        "machine" to property("os.arch").let { if (it == "amd64") "x86_64" else it },
        "cores" to Runtime.getRuntime().availableProcessors(),
        "memory_bytes" to facts.totalMemory(),
        "system" to "${property("os.name")} ${property("os.version")}",
        "runner" to "${property("java.vm.name")} ${property("java.runtime.version")}",
    )

    override fun state(): Json.Object = jsonObject(
        "load_average" to facts.loadAverage(),
        "governors" to facts.governors(),
        "frequencies_hz" to facts.frequencies(),
        "temperatures_c" to facts.temperatures(),
    )

    override fun peakMemory(): Long? = facts.peakMemory()

    override fun residentMemory(): Long? = facts.residentMemory()

    private fun property(name: String): String = System.getProperty(name).orEmpty()
}
