/// How much the phone's heat slows it, as far as it says.
public enum Warmth: Sendable, Equatable {
    case cool, warm, hot

    /// - Parameter thermalState: the name of a `ProcessInfo.ThermalState`: nominal, fair, serious or
    ///   critical; nil where the system says nothing.
    public init(thermalState: String?) {
        self =
            switch thermalState {
            // the system holds back from here on; before, an app notices nothing
            case "serious": .warm
            case "critical": .hot
            default: .cool
            }
    }

    /// Nil where there is nothing to say.
    public var hint: String? {
        switch self {
        case .cool: nil
        case .warm: "Phone is warm: slower than it can be"
        case .hot: "Phone is hot: much slower until it cools"
        }
    }
}
