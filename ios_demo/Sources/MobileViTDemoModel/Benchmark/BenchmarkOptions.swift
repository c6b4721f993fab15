/// One of what can be chosen, as a screen offers it.
public struct BenchmarkOption<ID: Hashable & Sendable>: Sendable, Equatable, Identifiable {
    public let id: ID
    public let title: String
    public let detail: String?
    public let isChosen: Bool
}

extension BenchmarkSetup {
    public var artifactOptions: [BenchmarkOption<String>] {
        artifacts.map {
            let name = name(of: $0)
            return BenchmarkOption(
                id: $0.file, title: name, detail: name == $0.file ? nil : $0.file,
                isChosen: choice.artifacts.contains($0.file))
        }
    }

    public var delegateOptions: [BenchmarkOption<String>] {
        delegates.map {
            BenchmarkOption(
                id: $0, title: delegateTitle($0), detail: nil,
                isChosen: choice.delegates.contains($0))
        }
    }

    public var modeOptions: [BenchmarkOption<BenchmarkMode>] {
        BenchmarkMode.allCases.map {
            BenchmarkOption(
                id: $0, title: $0.title, detail: $0.about, isChosen: $0 == choice.mode)
        }
    }

    public var runtimeName: String { runtimeTitle(runtime) }

    /// How many artifacts on delegates are measured in turns.
    public var summary: String {
        let count = cases.count
        return count == 1
            ? "One case is measured." : "\(count) cases are measured in turns, and compared."
    }
}

extension BenchmarkMode {
    var title: String {
        switch self {
        case .quick: "Quick"
        case .full: "Full"
        case .sustained: "Sustained"
        }
    }

    /// What it does, and how long that takes.
    var about: String {
        let settings = settings
        let words = BenchmarkWords()
        let launches = words.count(settings.launches, "launch", "launches")
        let rounds = words.count(settings.rounds, "round")
        return switch self {
        case .quick:
            "\(launches), \(rounds): a few seconds for each case"
        case .full:
            "\(launches), \(rounds), as on a computer: up to a minute for each case"
        case .sustained:
            "\(words.number(settings.sustainedS ?? 0, decimals: 0)) seconds without a pause for each "
                + "case: what heat does to it"
        }
    }
}
