package org.mobilevit.benchmark

import java.io.File
import java.io.IOException

/**
 * What Linux tells of a machine in its files, on a phone as far as an app may read them.
 *
 * @param root of the file system.
 */
class LinuxFacts(private val root: File = File("/")) {
    /** Most memory of this process that ever was resident, in bytes; null: it is not told. */
    fun peakMemory(): Long? = statusBytes("VmHWM")

    /** Memory of this process that is resident now, in bytes. */
    fun residentMemory(): Long? = statusBytes("VmRSS")

    /** Of the whole machine, in bytes. */
    fun totalMemory(): Long? = kilobytes("proc/meminfo", "MemTotal")

    /** What an x86 processor calls itself, or the board's compatible chip. */
    fun chip(): String? = field("proc/cpuinfo", "model name")
        ?: read("proc/device-tree/compatible")?.split('\u0000')?.last()

    fun model(): String? = read("proc/device-tree/model") ?: read("sys/class/dmi/id/product_name")

    fun loadAverage(): List<Double>? {
        val words = read("proc/loadavg")?.split(' ') ?: return null
        return words.take(3).mapNotNull(String::toDoubleOrNull).takeIf { it.size == 3 }
    }

    /** Per frequency domain. */
    fun governors(): List<String> = frequencyDomains().mapNotNull { read("$it/scaling_governor") }

    /** Per frequency domain, in Hz. */
    fun frequencies(): List<Long> = frequencyDomains()
        .mapNotNull { read("$it/scaling_cur_freq")?.toLongOrNull() }
        .map { it * 1000 }

    /** In degrees Celsius, by the sensor's kind and number. */
    fun temperatures(): Map<String, Double> = folders("sys/class/thermal", "thermal_zone")
        .mapNotNull { zone ->
            val degrees = read("$zone/temp")?.toIntOrNull() ?: return@mapNotNull null
            val kind = read("$zone/type") ?: "zone"
            "$kind ${zone.substringAfter("thermal_zone")}" to degrees / 1000.0
        }.toMap()

    private fun frequencyDomains() = folders("sys/devices/system/cpu/cpufreq", "policy")

    private fun folders(path: String, prefix: String): List<String> = File(root, path)
        .list()
        .orEmpty()
        .filter { it.startsWith(prefix) }
        .sorted()
        .map { "$path/$it" }

    private fun statusBytes(name: String) = kilobytes("proc/self/status", name)

    private fun kilobytes(path: String, name: String): Long? =
        field(path, name)?.removeSuffix(" kB")?.toLongOrNull()?.let { it * 1024 }

    private fun field(path: String, name: String): String? = read(path)
        ?.lineSequence()
        ?.firstOrNull { it.substringBefore(':').trim() == name }
        ?.substringAfter(':')
        ?.trim()

    /** Null: many files of the kernel are there and cannot be read. */
    private fun read(path: String): String? = try {
        File(root, path).readText().trim('\u0000', '\n', ' ').ifEmpty { null }
    } catch (_: IOException) {
        null
    }
}
