package org.mobilevit.demo.benchmark

import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.content.pm.ApplicationInfo
import android.os.BatteryManager
import android.os.Build
import android.os.PowerManager
import org.mobilevit.android.isEmulator

/** As androidx.benchmark's. */
private const val LOW_BATTERY_PERCENT = 25

/** What spoils a figure. */
enum class Condition { DEBUGGABLE, EMULATOR, LOW_BATTERY, POWER_SAVE, CHARGING, WARM }

/** Those that hold now. */
fun conditions(context: Context): Set<Condition> {
    val battery = context.registerReceiver(null, IntentFilter(Intent.ACTION_BATTERY_CHANGED))
    val power = context.getSystemService(PowerManager::class.java)
    val debuggable = context.applicationInfo.flags and ApplicationInfo.FLAG_DEBUGGABLE != 0
    return buildSet {
        if (debuggable) add(Condition.DEBUGGABLE)
        if (isEmulator()) add(Condition.EMULATOR)
        if (battery != null && isLow(battery)) add(Condition.LOW_BATTERY)
        if (power.isPowerSaveMode) add(Condition.POWER_SAVE)
        if (battery != null && battery.getIntExtra(BatteryManager.EXTRA_PLUGGED, 0) != 0) {
            add(Condition.CHARGING)
        }
        if (isWarm(power)) add(Condition.WARM)
    }
}

private fun isLow(battery: Intent): Boolean {
    val level = battery.getIntExtra(BatteryManager.EXTRA_LEVEL, -1)
    val scale = battery.getIntExtra(BatteryManager.EXTRA_SCALE, -1)
    return level >= 0 && scale > 0 && 100 * level < LOW_BATTERY_PERCENT * scale
}

private fun isWarm(power: PowerManager): Boolean = Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q &&
    power.currentThermalStatus >= PowerManager.THERMAL_STATUS_LIGHT
