import MobileViTCore

/// Latency over time, of several cases: a point for each run, a line through each case's rounds.
///
/// Time is seconds of running: runs stand in the order in which they were, each takes the place that
/// it took, and what lies between them (the sentinel, loading) is left out. Of many runs a point stands
/// for a window of some back to back, as a screen has no room for more, and drawing takes time from what
/// is timed.
public struct LatencyChart: Sendable, Equatable {
    /// A run, or a window of them.
    public struct Point: Sendable, Equatable, Identifiable {
        public let id: Int
        /// Of `series`.
        public let series: String
        /// Its middle.
        public let seconds: Double
        /// Of a window, its median; within the axis.
        public let ms: Double
        /// Fastest and slowest of a window, within the axis; equal to `ms` of one run.
        public let lowMs: Double
        public let highMs: Double
        public let isWarmUp: Bool
        /// It lies above the axis, and has a mark at its end.
        public let isAbove: Bool
    }

    /// Runs of one case, back to back.
    public struct Band: Sendable, Equatable, Identifiable {
        public enum Kind: Sendable { case warmUp, round, disturbed }

        public let id: Int
        public let series: String
        public let kind: Kind
        public let fromS: Double
        public let toS: Double

        public var middleS: Double { (fromS + toS) / 2 }
    }

    /// The median of a round, where the round has its middle.
    public struct Round: Sendable, Equatable, Identifiable {
        public let id: Int
        public let series: String
        public let seconds: Double
        public let ms: Double
        /// Such as `12.3 milliseconds`.
        public let text: String
    }

    /// Of all runs of a case but its warm-ups.
    public struct Median: Sendable, Equatable, Identifiable {
        public let series: String
        public let ms: Double
        public var id: String { series }
    }

    /// Every case, by its title, in the order of the plan.
    public let series: [String]
    public let points: [Point]
    public let bands: [Band]
    public let rounds: [Round]
    public let medians: [Median]
    /// In seconds; it goes no further than the runs.
    public let endS: Double
    public let timeTicks: [Double]
    public let time: ChartAxis
    /// In milliseconds.
    public let latency: ChartAxis
    /// How many runs a point stands for, at most.
    public let window: Int
    /// Runs after the warm-up that took longer than `latency` goes: with them, it would hide the rest.
    public let above: Int

    /// Where the marks begin of what lies above the axis.
    public var aboveMs: Double { latency.high - 0.04 * (latency.high - latency.low) }

    /// What is shaded: all but the rounds that nothing disturbed.
    public var shades: [Band] { bands.filter { $0.kind != .round } }

    /// What its marks stand for, a sentence each.
    public var key: [String] {
        let words = BenchmarkWords()
        let isDisturbed = bands.contains { $0.kind == .disturbed }
        let keys: [String?] = [
            window == 1
                ? "A point is one run."
                : "A point is the median of \(window) runs, a bar from the fastest to the slowest.",
            "A line joins the medians of the rounds; the dashed one is that of all.",
            bands.contains { $0.kind == .warmUp } ? "Gray is warm-up." : nil,
            isDisturbed ? "A triangle marks a disturbed round." : nil,
            above > 0
                ? "\(words.count(above, "run")) took longer than the chart goes: bars at its top."
                : nil,
        ]
        return keys.compactMap { $0 }
    }

    /// Nil until there are runs.
    ///
    /// - Parameter titles: of the trace's cases; each another.
    init?(
        _ trace: BenchmarkTrace, titles: [String], words: BenchmarkWords = .init(),
        mostPoints: Int = 400
    ) {
        let all = trace.stretches.reduce(0) { $0 + $1.samplesNs.count }
        guard all > 0 else { return nil }
        let disturbed = trace.cases.map { trace.disturbed($0) }
        var bands: [Band] = []
        var rounds: [Round] = []
        var now = 0.0
        for stretch in trace.stretches {
            let end = now + Double(stretch.samplesNs.reduce(0, +)) / nsPerS
            let band = Band(
                id: bands.count, series: titles[stretch.index],
                kind: kind(stretch, disturbed: disturbed), fromS: now, toS: end)
            bands.append(band)
            if stretch.round != nil {
                let ms = summarize(stretch.samplesNs).p50Ns / nsPerMs
                rounds.append(
                    Round(
                        id: band.id, series: band.series, seconds: band.middleS, ms: ms,
                        text: "\(words.figures(ms: ms)) milliseconds"))
            }
            now = end
        }
        let latency = latencyAxis(trace, rounds: rounds)
        window = (all + mostPoints - 1) / mostPoints
        series = titles
        self.bands = bands
        self.rounds = rounds
        self.latency = latency
        let endS = max(now, leastS)
        let time = ChartAxis(from: 0, to: endS, ticks: 4)
        self.endS = endS
        self.time = time
        timeTicks = time.ticks.filter { $0 <= endS }
        medians = zip(trace.cases, titles).compactMap { one, title in
            let samples = one.samplesNs
            guard !samples.isEmpty else { return nil }
            return Median(series: title, ms: summarize(samples).p50Ns / nsPerMs)
        }
        above = trace.cases.reduce(0) { sum, one in
            sum + one.samplesNs.count { Double($0) / nsPerMs > latency.high }
        }
        points = LatencyChart.points(trace, titles: titles, window: window, axis: latency)
    }

    private static func points(
        _ trace: BenchmarkTrace, titles: [String], window: Int, axis: ChartAxis
    ) -> [Point] {
        var points: [Point] = []
        var now = 0.0
        for stretch in trace.stretches {
            let samples = stretch.samplesNs
            for start in stride(from: 0, to: samples.count, by: window) {
                let runs = samples[start..<min(start + window, samples.count)].sorted()
                let took = Double(runs.reduce(0, +)) / nsPerS
                let ms = summarize(runs).p50Ns / nsPerMs
                points.append(
                    Point(
                        id: points.count, series: titles[stretch.index], seconds: now + took / 2,
                        ms: axis.clamp(ms),
                        lowMs: axis.clamp(Double(runs[0]) / nsPerMs),
                        highMs: axis.clamp(Double(runs[runs.count - 1]) / nsPerMs),
                        isWarmUp: stretch.round == nil, isAbove: ms > axis.high))
                now += took
            }
        }
        return points
    }
}

private func kind(
    _ stretch: BenchmarkTrace.Stretch, disturbed: [Set<Int>]
) -> LatencyChart.Band.Kind {
    guard let round = stretch.round else { return .warmUp }
    return disturbed[stretch.index].contains(round) ? .disturbed : .round
}

/// From the fastest run to above every round's median and nine of ten runs of each case, and no narrower
/// than a tenth of the median to either side, which keeps noise from looking like news.
private func latencyAxis(_ trace: BenchmarkTrace, rounds: [LatencyChart.Round]) -> ChartAxis {
    var low = Double.infinity
    var high = 0.0
    let measured = trace.cases.map(\.samplesNs).filter { !$0.isEmpty }
    // until a round is over, the warm-up's
    for runs in measured.isEmpty ? trace.stretches.map(\.samplesNs) : measured {
        let summary = summarize(runs)
        let least = min(Double(runs.min() ?? 0), leastLow * summary.p50Ns)
        let most = summary.p90Ns + room * (summary.p90Ns - least)
        low = min(low, least / nsPerMs)
        high = max(high, max(most, leastHigh * summary.p50Ns) / nsPerMs)
    }
    return ChartAxis(from: low, to: rounds.map(\.ms).reduce(high, max), ticks: 4)
}

let nsPerMs = 1e6
let nsPerS = 1e9
private let leastS = 0.01
private let leastLow = 0.9
private let leastHigh = 1.1
private let room = 0.5
