import MobileViTCore

/// How far a run is.
public struct BenchmarkProgress: Sendable, Equatable {
    /// Changes with the stage and not with each round, so that it can be read aloud.
    public let title: String
    public let detail: String
    /// 0..1.
    public let share: Double

    init(_ trace: BenchmarkTrace, titles: [String], settings: ProtocolSettings) {
        let isMeasured = trace.cases.contains { !$0.rounds.isEmpty }
        // later launches are loaded and warmed up as well; the first round has the last word
        title =
            switch trace.stage {
            case _ where isMeasured: "Measuring"
            case .loading: "Loading the model"
            case .warmingUp: "Warming up"
            case .measuring: "Measuring"
            }
        if let seconds = settings.sustainedS {
            let (index, share) = sustained(trace, seconds: seconds)
            detail = sustainedDetail(trace, title: titles[index], share: share, seconds: seconds)
            self.share = (Double(index) + share) / Double(trace.cases.count)
        } else {
            let most = trace.cases.map { $0.rounds.count }.max() ?? 0
            detail = detailInTurns(trace, rounds: most, settings)
            let expected = settings.rounds * max(1, trace.cases.count { $0.refusal == nil })
            let done = trace.cases.reduce(0) { $0 + ($1.refusal == nil ? $1.rounds.count : 0) }
            share = min(1, Double(done) / Double(expected))
        }
    }
}

private func detailInTurns(
    _ trace: BenchmarkTrace, rounds: Int, _ settings: ProtocolSettings
) -> String {
    let launches = min(settings.launches, settings.rounds)
    let closed = trace.cases.map { $0.launches.count(where: \.isClosed) }.max() ?? 0
    let launch = "Launch \(min(closed + 1, launches)) of \(launches)"
    switch trace.stage {
    case .loading:
        return "\(launch): loading"
    case .warmingUp:
        return "\(launch): warming up"
    case .measuring:
        // the round that is not done in every case that goes on
        let least = trace.cases.filter { $0.refusal == nil }.map { $0.rounds.count }.min() ?? rounds
        return "\(launch): round \(min(least + 1, settings.rounds)) of \(settings.rounds)"
    }
}

private func sustainedDetail(
    _ trace: BenchmarkTrace, title: String, share: Double, seconds: Double
) -> String {
    switch trace.stage {
    case .loading: "\(title): loading"
    case .warmingUp: "\(title): warming up"
    case .measuring: "\(title): second \(Int(share * seconds)) of \(Int(seconds))"
    }
}

/// The case that has its turn, and the share of its time that is over.
private func sustained(
    _ trace: BenchmarkTrace, seconds: Double
) -> (index: Int, share: Double) {
    let isOver = { (one: BenchmarkTrace.Case) in
        one.refusal != nil || one.launches.last?.isClosed ?? false
    }
    guard let index = trace.cases.firstIndex(where: { !isOver($0) }) else {
        return (trace.cases.count - 1, 1)
    }
    let rounds = trace.cases[index].rounds
    guard let first = rounds.first, let last = rounds.last else { return (index, 0) }
    let elapsed = last.startedNs + last.samplesNs.reduce(0, +) - first.startedNs
    return (index, min(1, Double(elapsed) / nsPerS / seconds))
}
