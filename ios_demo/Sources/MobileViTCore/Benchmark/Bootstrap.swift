import Foundation

/// A figure with its 95 % confidence interval.
public struct Interval: Sendable, Equatable {
    public let estimate: Double
    public let low: Double
    public let high: Double
}

/// The mean time of the rounds of one case, in ns, and its interval: that of
/// `mobilevit_benchmarks.statistics.summarize`, draw by draw.
///
/// Samples of a launch are no independent witnesses, so whole launches are drawn, and rounds within
/// each (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8); with few
/// launches the interval is widened (Hesterberg, "What Teachers Should Know about the Bootstrap",
/// 2015, section 4.3).
///
/// - Parameter rounds: at least one, in order.
public func meanInterval(_ rounds: [TimedRound]) -> Interval {
    precondition(!rounds.isEmpty, "no rounds")
    let launches = Dictionary(grouping: rounds, by: \.launch)
        .sorted { $0.key < $1.key }
        .map { $0.value.map(Sums.init) }
    let all = launches.joined().reduce(Sums(), +)
    var random = PCG64.numPySeed0
    let drawn = (0..<resamples).map { _ in draw(from: launches, &random).mean }.sorted()
    let tail = expandedTail(clusters: launches.count > 1 ? launches.count : launches[0].count)
    return Interval(
        estimate: all.mean,
        low: percentile(tail, ofSorted: drawn),
        high: percentile(100 - tail, ofSorted: drawn)
    )
}

private let resamples = 4000

/// So that a resample's mean is one of samples, and not of rounds.
private struct Sums {
    var total = 0.0
    var count = 0.0

    init() {}

    init(_ round: TimedRound) {
        total = round.samplesNs.reduce(0) { $0 + Double($1) }
        count = Double(round.samplesNs.count)
    }

    var mean: Double { total / count }

    static func + (a: Sums, b: Sums) -> Sums {
        var sum = a
        sum.total += b.total
        sum.count += b.count
        return sum
    }
}

/// Launches drawn with replacement, then as many rounds of each as it has.
private func draw(from launches: [[Sums]], _ random: inout PCG64) -> Sums {
    // all launches first, as NumPy draws them
    let chosen = launches.indices.map { _ in random.below(launches.count) }
    var sum = Sums()
    for launch in chosen.map({ launches[$0] }) {
        for _ in launch { sum = sum + launch[random.below(launch.count)] }
    }
    return sum
}

/// The lower percentile that makes a 95 % interval of so many independent clusters.
private func expandedTail(clusters: Int) -> Double {
    guard clusters > 1 else { return 0 }
    let freedom = clusters - 1
    let z = normalQuantile975
    let t =
        freedom <= studentT95.count
        ? studentT95[freedom - 1] : z + (z * z * z + z) / Double(4 * freedom)
    let place = -(Double(clusters) / Double(freedom)).squareRoot() * t
    return 100 * 0.5 * erfc(-place / 2.0.squareRoot())
}

/// Student's t, two-sided 95 %, by degrees of freedom; beyond, by Cornish and Fisher's expansion.
private let studentT95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
private let normalQuantile975 = 1.959963984540054
