import MobileViTCore

/// What spoils a figure.
public enum BenchmarkCondition: String, CaseIterable, Sendable {
    case debugBuild
    case simulator
    case lowBattery
    case lowPowerMode
    case charging
    case warm
}

/// What only the app knows of where it runs.
public struct BenchmarkSurroundings: Sendable {
    let isDebugBuild: Bool
    let isLowPowerMode: @Sendable () -> Bool

    public init(
        isDebugBuild: Bool = false, isLowPowerMode: @escaping @Sendable () -> Bool = { false }
    ) {
        self.isDebugBuild = isDebugBuild
        self.isLowPowerMode = isLowPowerMode
    }
}

/// Those that hold, in the order in which they are told.
func conditions(
    of device: DeviceDescription, in state: DeviceState, _ surroundings: BenchmarkSurroundings
) -> [BenchmarkCondition] {
    BenchmarkCondition.allCases.filter { condition in
        switch condition {
        case .debugBuild: surroundings.isDebugBuild
        case .simulator: device.emulated
        case .lowBattery: state.batteryPercent.map { $0 < lowBatteryPercent } ?? false
        case .lowPowerMode: surroundings.isLowPowerMode()
        case .charging: state.batteryPercent != nil && state.power == .mains
        case .warm: state.thermalStatus.map { $0 != "nominal" } ?? false
        }
    }
}

// as androidx.benchmark's
private let lowBatteryPercent = 25.0
