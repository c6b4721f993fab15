import Foundation
import MobileViTCore

/// The Linux machine that this runs on, as its kernel's files tell.
public struct LinuxMachine: Machine {
    private let runner: String
    private let facts: LinuxFacts

    /// - Parameters:
    ///   - runner: what runs the plan, with its version.
    ///   - root: of the file system.
    public init(runner: String, root: URL = URL(fileURLWithPath: "/")) {
        self.runner = runner
        facts = LinuxFacts(root: root)
    }

    public func describe() -> DeviceDescription {
        DeviceDescription(
            model: facts.model, chip: facts.chip, machine: instructionSet,
            cores: ProcessInfo.processInfo.activeProcessorCount, memoryBytes: facts.totalMemory,
            system: facts.system, runner: runner)
    }

    public func state() -> DeviceState {
        DeviceState(
            loadAverage: facts.loadAverage, governors: facts.governors,
            frequenciesHz: facts.frequencies, temperaturesC: facts.temperatures)
    }

    public func peakMemory() -> Int? { facts.statusBytes("VmHWM") }
    public func residentMemory() -> Int? { facts.statusBytes("VmRSS") }
}

#if arch(arm64)
private let instructionSet = "aarch64"
#elseif arch(x86_64)
private let instructionSet = "x86_64"
#else
private let instructionSet = "unknown"
#endif

/// What Linux tells of a machine in its files.
struct LinuxFacts: Sendable {
    let root: URL

    func statusBytes(_ name: String) -> Int? { kilobytes("proc/self/status", name) }

    var totalMemory: Int? { kilobytes("proc/meminfo", "MemTotal") }

    /// What an x86 processor calls itself, or the board's compatible chip.
    var chip: String? {
        field("proc/cpuinfo", "model name")
            ?? read("proc/device-tree/compatible")?.split(separator: "\0").last.map(String.init)
    }

    var model: String? { read("proc/device-tree/model") ?? read("sys/class/dmi/id/product_name") }

    var system: String {
        let words = read("etc/os-release")?.split(separator: "\n") ?? []
        let name = words.first { $0.hasPrefix("PRETTY_NAME=") }
            .map { $0.dropFirst("PRETTY_NAME=".count).trimmingCharacters(in: ["\""]) }
        let kernel = read("proc/sys/kernel/osrelease").map { "Linux \($0)" }
        return [name, kernel].compactMap { $0 }.joined(separator: ", ")
    }

    var loadAverage: [Double]? {
        let words = read("proc/loadavg")?.split(separator: " ").prefix(3).compactMap { Double($0) }
        return words?.count == 3 ? words : nil
    }

    /// Per frequency domain.
    var governors: [String] { frequencyDomains.compactMap { read("\($0)/scaling_governor") } }

    /// Per frequency domain, in Hz.
    var frequencies: [Int] {
        frequencyDomains.compactMap { read("\($0)/scaling_cur_freq").flatMap { Int($0) } }
            .map { $0 * 1000 }
    }

    /// In degrees Celsius, by the sensor's kind and number.
    var temperatures: [String: Double] {
        var degrees: [String: Double] = [:]
        for zone in folders("sys/class/thermal", "thermal_zone") {
            guard let told = read("\(zone)/temp").flatMap({ Int($0) }) else { continue }
            let number = zone.drop { !$0.isNumber }
            degrees["\(read("\(zone)/type") ?? "zone") \(number)"] = Double(told) / 1000
        }
        return degrees
    }

    private var frequencyDomains: [String] { folders("sys/devices/system/cpu/cpufreq", "policy") }

    private func folders(_ path: String, _ prefix: String) -> [String] {
        // what is not there tells nothing
        let names = try? FileManager.default.contentsOfDirectory(
            atPath: root.appendingPathComponent(path).path)
        return (names ?? []).filter { $0.hasPrefix(prefix) }.sorted().map { "\(path)/\($0)" }
    }

    private func kilobytes(_ path: String, _ name: String) -> Int? {
        field(path, name)?.split(separator: " ").first.flatMap { Int($0) }.map { $0 * 1024 }
    }

    private func field(_ path: String, _ name: String) -> String? {
        for line in read(path)?.split(separator: "\n") ?? [] {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == name else {
                continue
            }
            return parts[1].trimmingCharacters(in: .whitespaces)
        }
        return nil
    }

    /// Nil: many files of the kernel are there and cannot be read.
    private func read(_ path: String) -> String? {
        guard let content = try? Data(contentsOf: root.appendingPathComponent(path)) else {
            return nil
        }
        let text = String(decoding: content, as: UTF8.self)
            .trimmingCharacters(in: CharacterSet(charactersIn: "\0\n "))
        return text.isEmpty ? nil : text
    }
}
