import Foundation

/// Why a run ended before its plan; the raw value is what its result says for good.
public enum BenchmarkStopReason: String, Sendable {
    case person = "stopped by the person at the phone"
    case background = "the app went to the background"
    case left = "the screen was left"
    case memory = "the phone ran low on memory"

    var text: String {
        switch self {
        case .person: "You stopped the run."
        case .background: "The app went to the background, where phones slow apps down."
        case .left: "The screen was left."
        case .memory: "The phone ran low on memory."
        }
    }
}

/// What the benchmark screen shows.
public enum BenchmarkState: Sendable, Equatable {
    /// The bundle is being read.
    case opening
    /// There is nothing that could be measured.
    case unavailable(BenchmarkMessage)
    case ready(BenchmarkSetup)
    case running(BenchmarkRunning)
    case finished(BenchmarkOutcome)
    /// There is nothing to show of a run.
    case failed(BenchmarkMessage)

    /// The screen is to stay on; other screens are to keep still.
    public var isRunning: Bool {
        if case .running = self { true } else { false }
    }
}

/// Why there are no figures.
public struct BenchmarkMessage: Sendable, Equatable {
    public let title: String
    public let text: String
    /// The runtime's own words.
    public let detail: String?

    init(title: String, text: String, detail: String? = nil) {
        self.title = title
        self.text = text
        self.detail = detail
    }
}

/// A run that is under way.
public struct BenchmarkRunning: Sendable, Equatable {
    /// What is measured: `fp16 · Core ML · CPU, CPU and GPU`.
    public let subject: String
    public internal(set) var progress: BenchmarkProgress
    /// Nil until there are runs.
    public internal(set) var chart: LatencyChart?
    public internal(set) var chartText: String
    /// It ends after the run of the model that is under way.
    public internal(set) var stopping: BenchmarkStopReason?

    public var title: String { stopping == nil ? progress.title : "Stopping" }
}

/// What a run came to.
public struct BenchmarkOutcome: Sendable, Equatable {
    /// The file that is shared, or why there is none.
    public enum Export: Sendable, Equatable {
        case written(URL)
        case failed(String)
    }

    public let subject: String
    /// That it ended before its plan, and why; nil where it did not.
    public let stopped: String?
    /// Those that were measured, in the order of the plan.
    public let cases: [CaseOutcome]
    /// How the others compare with the fastest; empty of one case.
    public let comparison: [String]
    /// Of the phone over the run.
    public let rows: [FigureRow]
    /// What spoils the figures, and what was not measured.
    public let remarks: [String]
    public let chart: LatencyChart
    /// What the chart shows, for who does not see it.
    public let chartText: String
    public let created: Date
    /// The host's BenchmarkResult.
    public let json: String
    public internal(set) var export: Export
}

/// What a case came to.
public struct CaseOutcome: Sendable, Equatable, Identifiable {
    public let id: String
    /// What tells it from the others.
    public let title: String
    public let figures: CaseFigures
    /// Such as `12.3 ms`.
    public let median: String
    public let basis: String
    public let rows: [FigureRow]
}

/// A figure with its name.
public struct FigureRow: Sendable, Equatable, Identifiable {
    public let label: String
    public let value: String
    public var id: String { label }

    public init(_ label: String, _ value: String) {
        self.label = label
        self.value = value
    }
}
