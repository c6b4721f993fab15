import Foundation
import MobileViTCore
import MobileViTFixtures
import XCTest

@testable import MobileViTONNX

final class LinuxMachineTests: XCTestCase {
    func testTheFilesOfABoardAreRead() throws {
        let root = try Inputs.out("root")
        for (path, content) in [
            ("proc/device-tree/model", "Raspberry Pi 5 Model B\0"),
            ("proc/device-tree/compatible", "raspberrypi,5-model-b\0brcm,bcm2712\0"),
            ("proc/meminfo", "MemTotal:        8245248 kB\nMemFree: 1 kB\n"),
            ("proc/self/status", "Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n"),
            ("proc/loadavg", "0.50 1.00 2.25 1/200 4711\n"),
            ("proc/sys/kernel/osrelease", "6.6.20\n"),
            ("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian 13\"\n"),
            ("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "ondemand\n"),
            ("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1800000\n"),
            ("sys/class/thermal/thermal_zone0/temp", "41500\n"),
            ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
            ("sys/class/thermal/thermal_zone1/temp", "hot\n"),
        ] {
            let file = root.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(content.utf8).write(to: file)
        }
        let machine = LinuxMachine(runner: "tests", root: root)
        let described = machine.describe()
        XCTAssertEqual(described.model, "Raspberry Pi 5 Model B")
        XCTAssertEqual(described.chip, "brcm,bcm2712")
        XCTAssertEqual(described.memoryBytes, 8_245_248 * 1024)
        XCTAssertEqual(described.system, "Debian 13, Linux 6.6.20")
        XCTAssertEqual(
            machine.state(),
            DeviceState(
                loadAverage: [0.5, 1, 2.25], governors: ["ondemand"],
                frequenciesHz: [1_800_000_000], temperaturesC: ["cpu-thermal 0": 41.5]))
        XCTAssertEqual(machine.peakMemory(), 2 << 20)
        XCTAssertEqual(machine.residentMemory(), 1 << 20)
    }

    func testAMachineThatTellsNothingIsNoError() throws {
        let machine = LinuxMachine(runner: "tests", root: try Inputs.out("empty"))
        XCTAssertNil(machine.describe().model)
        XCTAssertEqual(machine.state(), DeviceState())
        XCTAssertNil(machine.peakMemory())
    }

    func testThisOneTellsItself() {
        let machine = LinuxMachine(runner: "tests")
        let described = machine.describe()
        XCTAssertGreaterThan(described.cores, 0)
        XCTAssertGreaterThan(described.memoryBytes ?? 0, 1 << 26)
        XCTAssert(described.system.contains("Linux"), described.system)
        XCTAssertEqual(machine.state().loadAverage?.count, 3)
        let (peak, resident) = (machine.peakMemory() ?? 0, machine.residentMemory() ?? 0)
        XCTAssertGreaterThan(resident, 1 << 20)
        XCTAssertGreaterThanOrEqual(peak, resident)
    }
}
