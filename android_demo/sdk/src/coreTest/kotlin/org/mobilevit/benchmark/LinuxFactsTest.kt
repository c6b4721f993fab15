package org.mobilevit.benchmark

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

class LinuxFactsTest {
    @get:Rule val root = TemporaryFolder()

    @Test
    fun `this machine tells its memory`() {
        val facts = LinuxFacts()
        val resident = requireNotNull(facts.residentMemory())
        assertTrue(resident in (1L shl 20)..requireNotNull(facts.peakMemory()))
        assertTrue(requireNotNull(facts.totalMemory()) > resident)
        assertEquals(3, facts.loadAverage()?.size)
    }

    @Test
    fun `a phone's files are read`() {
        write("proc/loadavg", "4.50 3.25 2.00 3/1200 4242\n")
        write("proc/meminfo", "MemTotal:        7864320 kB\nMemFree:  100 kB\n")
        write("proc/self/status", "Name:\tapp\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n")
        write("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "walt\n")
        write("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1766400\n")
        write("sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq", "2419200\n")
        write("sys/class/thermal/thermal_zone0/type", "cpu-0-0\n")
        write("sys/class/thermal/thermal_zone0/temp", "41200\n")
        write("sys/class/thermal/thermal_zone1/temp", "41200\n")
        write("sys/class/thermal/thermal_zone2/type", "modem\n")
        write("sys/class/thermal/cooling_device0/type", "fan\n")
        write("proc/device-tree/model", "Raspberry Pi 5\u0000")
        val facts = LinuxFacts(root.root)
        assertEquals(listOf(4.5, 3.25, 2.0), facts.loadAverage())
        assertEquals(7864320L * 1024, facts.totalMemory())
        assertEquals(204800L * 1024, facts.peakMemory())
        assertEquals(102400L * 1024, facts.residentMemory())
        assertEquals(listOf("walt"), facts.governors())
        assertEquals(listOf(1766400000L, 2419200000L), facts.frequencies())
        assertEquals(mapOf("cpu-0-0 0" to 41.2, "zone 1" to 41.2), facts.temperatures())
        assertEquals("Raspberry Pi 5", facts.model())
    }

    @Test
    fun `what may not be read is not told`() {
        val facts = LinuxFacts(root.root)
        assertNull(facts.peakMemory())
        assertNull(facts.loadAverage())
        assertEquals(emptyList<String>(), facts.governors())
        assertEquals(emptyMap<String, Double>(), facts.temperatures())
    }

    private fun write(path: String, content: String) {
        File(root.root, path).apply { parentFile?.mkdirs() }.writeText(content)
    }
}
