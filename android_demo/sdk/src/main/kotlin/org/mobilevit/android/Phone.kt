package org.mobilevit.android

import android.annotation.TargetApi
import android.app.ActivityManager
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.os.BatteryManager
import android.os.Build
import android.os.PowerManager
import android.os.Process
import org.mobilevit.benchmark.LinuxFacts
import org.mobilevit.benchmark.Machine
import org.mobilevit.json.Json
import org.mobilevit.json.jsonObject

/**
 * This phone, as far as it tells an app: what it does not is null or empty. Over adb the host asks
 * the phone's shell, which may know more.
 */
class Phone(context: Context, private val facts: LinuxFacts = LinuxFacts()) : Machine {
    private val context: Context = context.applicationContext ?: context

    override fun describe(): Json.Object = jsonObject(
        "model" to joined(Build.MANUFACTURER, Build.MODEL),
        "chip" to chip(),
        "machine" to machine(),
        "cores" to Runtime.getRuntime().availableProcessors(),
        "memory_bytes" to memory(),
        "system" to "Android ${Build.VERSION.RELEASE} (API ${Build.VERSION.SDK_INT})",
        "runner" to joined(context.packageName, version()),
        "emulated" to isEmulator(),
    )

    override fun state(): Json.Object {
        val battery = context.registerReceiver(null, IntentFilter(Intent.ACTION_BATTERY_CHANGED))
        return jsonObject(
            "load_average" to facts.loadAverage(),
            "governors" to facts.governors(),
            "frequencies_hz" to facts.frequencies(),
            "temperatures_c" to facts.temperatures() + batteryTemperature(battery),
            "thermal_status" to thermalStatus(),
            "battery_percent" to batteryPercent(battery),
            "power" to power(battery),
        )
    }

    override fun peakMemory(): Long? = facts.peakMemory()

    override fun residentMemory(): Long? = facts.residentMemory()

    private fun chip(): String? {
        val told = if (Build.VERSION.SDK_INT >= 31) soc() else null
        return told ?: known(Build.BOARD)
    }

    @TargetApi(31)
    private fun soc(): String? = joined(Build.SOC_MANUFACTURER, Build.SOC_MODEL)

    /** Of this process, which may be a 32-bit one on a 64-bit phone. */
    private fun machine(): String {
        val wide = Process.is64Bit()
        val abis = if (wide) Build.SUPPORTED_64_BIT_ABIS else Build.SUPPORTED_32_BIT_ABIS
        val abi = abis.firstOrNull() ?: Build.SUPPORTED_ABIS.first()
        return MACHINES[abi] ?: abi
    }

    private fun memory(): Long? {
        val manager = context.getSystemService(ActivityManager::class.java) ?: return null
        val told = ActivityManager.MemoryInfo().also(manager::getMemoryInfo)
        return told.totalMem.takeIf { it > 0 }
    }

    private fun version(): String? =
        context.packageManager.getPackageInfo(context.packageName, 0).versionName

    private fun thermalStatus(): String? {
        if (Build.VERSION.SDK_INT < 29) return null
        val manager = context.getSystemService(PowerManager::class.java) ?: return null
        return THERMAL_STATUS.getOrNull(manager.currentThermalStatus)
    }

    private companion object {
        val MACHINES = mapOf("arm64-v8a" to "arm64", "armeabi-v7a" to "arm")

        // in the order of PowerManager.THERMAL_STATUS_*
        val THERMAL_STATUS =
            listOf("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
    }
}

/** Whether this is no phone, by the names that Google's emulators and those built from them have. */
fun isEmulator(): Boolean = Build.FINGERPRINT.startsWith("generic") ||
    Build.HARDWARE in setOf("goldfish", "ranchu", "cutf_cvm") ||
    Build.PRODUCT.startsWith("sdk_")

private fun batteryPercent(battery: Intent?): Double? {
    val level = battery?.getIntExtra(BatteryManager.EXTRA_LEVEL, -1) ?: return null
    val scale = battery.getIntExtra(BatteryManager.EXTRA_SCALE, -1)
    if (level < 0 || scale <= 0) return null
    return (100.0 * level / scale).coerceAtMost(100.0)
}

private fun power(battery: Intent?): String? =
    when (battery?.getIntExtra(BatteryManager.EXTRA_PLUGGED, -1)) {
        null, -1 -> null
        0 -> "battery"
        else -> "mains"
    }

/** Told in tenths of a degree. */
private fun batteryTemperature(battery: Intent?): Map<String, Double> {
    val tenths = battery?.getIntExtra(BatteryManager.EXTRA_TEMPERATURE, Int.MIN_VALUE)
    if (tenths == null || tenths == Int.MIN_VALUE) return emptyMap()
    return mapOf("battery" to tenths / 10.0)
}

private fun joined(vararg words: String?): String? =
    words.mapNotNull(::known).joinToString(" ").ifEmpty { null }

private fun known(word: String?): String? = word?.takeIf { it.isNotBlank() && it != Build.UNKNOWN }
