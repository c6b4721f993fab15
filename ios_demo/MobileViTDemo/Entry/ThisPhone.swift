import Darwin
import Foundation
import MobileViTDemoModel
import MobileViTKit

/// The phone as benchmarks describe it, with its battery.
@MainActor
func thisPhone() -> AppleMachine {
    let battery = BatteryWatch.shared
    return AppleMachine(runner: runnerName, battery: { battery.reading })
}

/// In the app's Documents, which Files shows and a computer reaches.
let hostRuns = runsFolder(
    in: URL(fileURLWithPath: NSHomeDirectory()).appendingPathComponent("Documents"))

/// Where the benchmark screen lays results to be shared; the system may empty it.
let sharedResults = FileManager.default.temporaryDirectory
    .appendingPathComponent("results", isDirectory: true)

/// What of it only the app knows.
func benchmarkSurroundings() -> BenchmarkSurroundings {
    #if DEBUG
    let isDebugBuild = true
    #else
    let isDebugBuild = false
    #endif
    return BenchmarkSurroundings(
        isDebugBuild: isDebugBuild,
        isLowPowerMode: { ProcessInfo.processInfo.isLowPowerModeEnabled })
}

/// Such as `org.mobilevit.demo 1.0`.
private var runnerName: String {
    let bundle = Bundle.main
    let version = bundle.object(forInfoDictionaryKey: "CFBundleShortVersionString") as? String
    return [bundle.bundleIdentifier ?? "app", version].compactMap { $0 }.joined(separator: " ")
}
