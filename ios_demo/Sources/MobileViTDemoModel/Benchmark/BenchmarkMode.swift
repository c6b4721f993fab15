import MobileViTCore

/// How long to measure.
public enum BenchmarkMode: String, CaseIterable, Sendable {
    case quick
    /// What `mobilevit benchmark` does by default.
    case full
    case sustained

    public var settings: ProtocolSettings {
        switch self {
        case .quick: ProtocolSettings(launches: 2, rounds: 6)
        case .full: ProtocolSettings()
        case .sustained: ProtocolSettings(launches: 1, sustainedS: 60)
        }
    }
}
