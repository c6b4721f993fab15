/// What a set of times comes to, as `mobilevit_benchmarks.statistics.summarize` has it; times are
/// nanoseconds, spreads are shares of 1. The interval of the mean is `meanInterval`'s.
public struct Summary: Sendable, Equatable {
    public let count: Int
    public let meanNs: Double
    public let p50Ns: Double
    public let p90Ns: Double
    /// From fewer than 100 samples, hardly more than the largest.
    public let p99Ns: Double
    /// Coefficient of variation: standard deviation, of a sample, over mean; 0 of one sample.
    public let cv: Double
    /// The same from medians, which a few slow runs do not move.
    public let madSpread: Double
}

/// What sustained load did to the latency.
public struct Throttling: Sendable, Equatable {
    /// Median of the first tenth of the windows.
    public let firstNs: Double
    /// And of the last tenth.
    public let lastNs: Double
    /// When it rose for good by more than `throttleTolerance`; nil: it did not.
    public let afterS: Double?
}

/// A reading of the sentinel so much slower than the run's fast quarter marks the rounds beside it.
public let sentinelTolerance = 0.10

/// So much between the first and the last quarter of the readings is a machine that drifted.
public let driftTolerance = 0.05

/// Sustained mode: throttled from where latency stays so far above its first windows.
public let throttleTolerance = 0.10

/// - Parameter samplesNs: at least one.
public func summarize(_ samplesNs: [Int]) -> Summary {
    precondition(!samplesNs.isEmpty, "no samples")
    let sorted = samplesNs.map(Double.init).sorted()
    let mean = sorted.reduce(0, +) / Double(sorted.count)
    let p50 = percentile(50, ofSorted: sorted)
    let distances = sorted.map { abs($0 - p50) }
    return Summary(
        count: sorted.count,
        meanNs: mean,
        p50Ns: p50,
        p90Ns: percentile(90, ofSorted: sorted),
        p99Ns: percentile(99, ofSorted: sorted),
        cv: deviation(of: sorted, mean: mean) / mean,
        madSpread: deviationOverMad * median(of: distances) / p50
    )
}

/// Of a case in sustained mode, whose rounds are windows of time. The point of throttling is the
/// first window after which the median of ten windows never comes back to within the tolerance of
/// the first tenth's.
///
/// - Parameter windows: of one case, in order; at least one.
public func throttling(_ windows: [TimedRound]) -> Throttling {
    precondition(!windows.isEmpty, "no windows")
    let medians = windows.map { median(of: $0.samplesNs) }
    let tenth = max(1, medians.count / 10)
    let first = median(of: medians.prefix(tenth))
    let width = min(10, medians.count)
    let smooth = (0...medians.count - width).map { median(of: medians[$0..<$0 + width]) }
    let calm = smooth.lastIndex { $0 <= (1 + throttleTolerance) * first }
    let onset = calm.map { $0 + 1 } ?? 0
    return Throttling(
        firstNs: first,
        lastNs: median(of: medians.suffix(tenth)),
        afterS: onset == smooth.count
            ? nil : Double(windows[onset].startedNs - windows[0].startedNs) / 1e9
    )
}

/// By what share the machine was slower in the last quarter of the run than in the first, by its
/// sentinel; nil of fewer than four readings. Beyond `driftTolerance` it is worth saying.
public func drift(_ sentinel: [SentinelReading]) -> Double? {
    let times = sentinel.map { median(of: $0.samplesNs) }
    let quarter = times.count / 4
    guard quarter > 0 else { return nil }
    return median(of: times.suffix(quarter)) / median(of: times.prefix(quarter)) - 1
}

/// Numbers of the rounds beside which the sentinel says that the machine was not as it was in the
/// rest of the run: busy, hot or throttled. Not for sustained mode, where no reading is beside a
/// round.
public func disturbedRounds(_ rounds: [TimedRound], sentinel: [SentinelReading]) -> Set<Int> {
    guard sentinel.count >= 4 else { return [] }
    let slow = sentinelPace(sentinel).map { $0 > 1 + sentinelTolerance }
    let disturbed = rounds.filter { round in
        let after = sentinel.firstIndex { $0.startedNs >= round.startedNs } ?? sentinel.count
        return [after - 1, after].contains { slow.indices.contains($0) && slow[$0] }
    }
    return Set(disturbed.map(\.round))
}

/// How many times as long as in the run's fast quarter each reading took, in order.
public func sentinelPace(_ sentinel: [SentinelReading]) -> [Double] {
    guard !sentinel.isEmpty else { return [] }
    let times = sentinel.map { median(of: $0.samplesNs) }
    let fast = percentile(25, ofSorted: times.sorted())
    return times.map { $0 / fast }
}

/// A normal distribution's standard deviation over its median absolute deviation.
private let deviationOverMad = 1.4826

private func median(of samplesNs: [Int]) -> Double { median(of: samplesNs.map(Double.init)) }

private func median(of values: some Collection<Double>) -> Double {
    percentile(50, ofSorted: values.sorted())
}

/// Interpolates linearly between the two nearest, as NumPy does unless told otherwise.
func percentile(_ share: Double, ofSorted sorted: [Double]) -> Double {
    let place = share / 100 * Double(sorted.count - 1)
    let below = sorted[Int(place.rounded(.down))]
    let above = sorted[Int(place.rounded(.up))]
    return below + (above - below) * (place - place.rounded(.down))
}

private func deviation(of values: [Double], mean: Double) -> Double {
    guard values.count > 1 else { return 0 }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(values.count - 1)).squareRoot()
}
