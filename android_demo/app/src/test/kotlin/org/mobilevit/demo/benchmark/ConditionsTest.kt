package org.mobilevit.demo.benchmark

import android.content.Intent
import android.content.pm.ApplicationInfo
import android.os.BatteryManager
import android.os.PowerManager
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowBuild

@RunWith(RobolectricTestRunner::class)
@Config(application = BenchmarkApplication::class)
class ConditionsTest {
    private val context = RuntimeEnvironment.getApplication()
    private val power = shadowOf(context.getSystemService(PowerManager::class.java))

    @Before
    fun `a release build on a phone that is charged, unplugged and cool`() {
        debuggable(false)
        battery(percent = 80, plugged = 0)
    }

    @Test
    fun `nothing is said where nothing spoils`() =
        assertEquals(emptySet<Condition>(), conditions(context))

    @Test
    fun `a debuggable build`() = assertFound(Condition.DEBUGGABLE) { debuggable(true) }

    @Test
    fun `an emulator`() = assertFound(Condition.EMULATOR) { ShadowBuild.setHardware("ranchu") }

    @Test
    fun `a low battery`() = assertFound(Condition.LOW_BATTERY) {
        battery(percent = 24, plugged = 0)
    }

    @Test
    fun `a charger`() = assertFound(Condition.CHARGING) {
        battery(percent = 80, plugged = BatteryManager.BATTERY_PLUGGED_USB)
    }

    @Test
    fun `battery saver`() = assertFound(Condition.POWER_SAVE) { power.setIsPowerSaveMode(true) }

    @Test
    fun `a warm phone`() = assertFound(Condition.WARM) {
        power.setCurrentThermalStatus(PowerManager.THERMAL_STATUS_LIGHT)
    }

    @Test
    fun `they are said before the run`() {
        debuggable(true)
        power.setIsPowerSaveMode(true)
        val screen = BenchmarkScreen()
        screen.awaitText("This will spoil the figures")
        assertTrue("This build is debuggable" in screen.text)
        assertTrue("Battery saver is on" in screen.text)
        assertFalse("charging" in screen.text)
    }

    private fun assertFound(condition: Condition, make: () -> Unit) {
        make()
        assertEquals(setOf(condition), conditions(context))
    }

    private fun debuggable(on: Boolean) {
        val flag = ApplicationInfo.FLAG_DEBUGGABLE
        val flags = context.applicationInfo.flags
        context.applicationInfo.flags = if (on) flags or flag else flags and flag.inv()
    }

    @Suppress("DEPRECATION") // how a test has a broadcast that stays
    private fun battery(percent: Int, plugged: Int) = context.sendStickyBroadcast(
        Intent(Intent.ACTION_BATTERY_CHANGED)
            .putExtra(BatteryManager.EXTRA_LEVEL, percent)
            .putExtra(BatteryManager.EXTRA_SCALE, 100)
            .putExtra(BatteryManager.EXTRA_PLUGGED, plugged),
    )
}
