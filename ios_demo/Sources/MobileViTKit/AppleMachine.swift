#if canImport(CoreML)
import Darwin
import Foundation
import MobileViTCore

/// What a battery tells.
public struct BatteryReading: Sendable, Equatable {
    /// 0..100; nil where it is not told.
    public let percent: Double?
    public let power: DeviceState.Power?

    public init(percent: Double?, power: DeviceState.Power?) {
        self.percent = percent
        self.power = power
    }
}

/// The iPhone, iPad or Mac that this runs on.
public struct AppleMachine: Machine {
    private let runner: String
    private let battery: @Sendable () -> BatteryReading?

    /// - Parameters:
    ///   - runner: what runs the plan, with its version, such as `org.mobilevit.demo 1.0`.
    ///   - battery: called on any thread; UIDevice tells only the main one.
    public init(
        runner: String, battery: @escaping @Sendable () -> BatteryReading? = { nil }
    ) {
        self.runner = runner
        self.battery = battery
    }

    public func describe() -> DeviceDescription {
        let process = ProcessInfo.processInfo
        let model = Self.model
        return DeviceDescription(
            model: model,
            chip: model.flatMap(appleChip(ofModel:)) ?? systemText("machdep.cpu.brand_string"),
            machine: instructionSet,
            cores: process.activeProcessorCount,
            memoryBytes: Int(exactly: process.physicalMemory),
            system: appleSystem(
                ofModel: model, version: process.operatingSystemVersion,
                build: systemText("kern.osversion")),
            runner: runner,
            emulated: isSimulator)
    }

    public func state() -> DeviceState {
        let battery = battery()
        return DeviceState(
            loadAverage: loadAverage(), thermalStatus: ProcessInfo.processInfo.thermalState.name,
            batteryPercent: battery?.percent, power: battery?.power)
    }

    public func peakMemory() -> Int? { taskInfo().flatMap { Int(exactly: $0.resident_size_max) } }
    public func residentMemory() -> Int? { taskInfo().flatMap { Int(exactly: $0.resident_size) } }

    private static var model: String? {
        // the simulator's own is the Mac's
        if let simulated = ProcessInfo.processInfo.environment["SIMULATOR_MODEL_IDENTIFIER"] {
            return simulated
        }
        #if canImport(UIKit)
        return systemText("hw.machine")
        #else
        return systemText("hw.model")
        #endif
    }
}

extension ProcessInfo.ThermalState {
    /// The word of the records for it.
    fileprivate var name: String? {
        switch self {
        case .nominal: "nominal"
        case .fair: "fair"
        case .serious: "serious"
        case .critical: "critical"
        @unknown default: nil
        }
    }
}

#if arch(arm64)
private let instructionSet = "arm64"
#elseif arch(x86_64)
private let instructionSet = "x86_64"
#else
private let instructionSet = "unknown"
#endif

#if targetEnvironment(simulator)
private let isSimulator = true
#else
private let isSimulator = false
#endif

/// A text of the kernel's, by its name; nil where it has none of this name.
private func systemText(_ name: String) -> String? {
    var size = 0
    guard sysctlbyname(name, nil, &size, nil, 0) == 0, size > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: size)
    guard sysctlbyname(name, &bytes, &size, nil, 0) == 0 else { return nil }
    let text = String(decoding: bytes.prefix(size).prefix { $0 != 0 }, as: UTF8.self)
    return text.isEmpty ? nil : text
}

/// The port of this process, asked for once: each time counts as one more reference. Not
/// `mach_task_self_`: SDKs before that of iOS 18.4 have it as a variable that may change.
private let thisTask = task_self_trap()

/// What the kernel tells of this process; nil where it does not.
private func taskInfo() -> mach_task_basic_info? {
    var info = mach_task_basic_info()
    let words = MemoryLayout<mach_task_basic_info>.size / MemoryLayout<natural_t>.size
    var count = mach_msg_type_number_t(words)
    let status = withUnsafeMutablePointer(to: &info) { pointer in
        pointer.withMemoryRebound(to: integer_t.self, capacity: words) {
            task_info(thisTask, task_flavor_t(MACH_TASK_BASIC_INFO), $0, &count)
        }
    }
    return status == KERN_SUCCESS ? info : nil
}

/// Over 1, 5 and 15 minutes; nil where an app may not know.
private func loadAverage() -> [Double]? {
    var loads = [0.0, 0, 0]
    return getloadavg(&loads, 3) == 3 ? loads : nil
}
#endif
