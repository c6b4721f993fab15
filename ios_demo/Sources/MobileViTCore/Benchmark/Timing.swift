import Dispatch

/// Nanoseconds on the monotonic clock of all that is timed here.
func monotonicNs() -> Int { Int(DispatchTime.now().uptimeNanoseconds) }

/// Nanoseconds that `work` takes, 1 or more.
@inline(__always)
func timed(_ work: () throws -> Void) rethrows -> Int {
    let start = monotonicNs()
    try work()
    return max(1, monotonicNs() - start)
}

/// In whole nanoseconds; what is too long for a clock becomes the longest there is, and what is
/// negative or not a number 0.
func nanoseconds(_ seconds: Double) -> Int {
    seconds > 0 ? Int(min(seconds * 1e9, 9e18).rounded()) : 0
}

/// The runs between the first one and the rounds.
struct WarmUp: Equatable {
    let samplesNs: [Int]
    /// The times had not settled by the cap.
    let capped: Bool
}

/// Runs until the times settle: a fast and a slow moving average of them agree within `agreement`
/// for ten runs in a row, after at least `minRuns` runs and `minNs`. The rule, and its numbers, are
/// those of `mobilevit_benchmarks/runner/worker.py`, after androidx's WarmupManager.
///
/// - Parameters:
///   - capNs: the sum of the times at which to stop all the same.
///   - run: runs once, and gives the nanoseconds that took.
func warmUp(
    minRuns: Int, minNs: Int, capNs: Int, agreement: Double, run: () throws -> Int
) rethrows -> WarmUp {
    var samples = Samples()
    samples.append(try run())
    var fast = Double(samples.total)
    var slow = fast
    var agreeing = 1
    while true {
        let settled = agreeing >= agreeingRuns
        if settled, samples.values.count >= minRuns, samples.total >= minNs {
            return WarmUp(samplesNs: samples.values, capped: false)
        }
        if samples.total >= capNs { return WarmUp(samplesNs: samples.values, capped: !settled) }
        let took = try run()
        samples.append(took)
        // plain means at first, or the slow one would carry the very first run for fifty more
        let share = 1 / Double(samples.values.count)
        fast += max(fastShare, share) * (Double(took) - fast)
        slow += max(slowShare, share) * (Double(took) - slow)
        agreeing = abs(fast - slow) <= agreement * slow ? agreeing + 1 : 0
    }
}

/// The times of at least `minRuns` runs, and at least `minNs` of them in all.
func timedRuns(minRuns: Int, minNs: Int, run: () throws -> Int) rethrows -> [Int] {
    var samples = Samples()
    while samples.values.count < minRuns || samples.total < minNs { samples.append(try run()) }
    return samples.values
}

// weights of the newest run in the two moving averages: means over the last 5 and 20 runs or so
private let fastShare = 0.2
private let slowShare = 0.05
private let agreeingRuns = 10

/// Samples as they come; what it allocates between two runs is a doubling, now and then.
private struct Samples {
    private(set) var values: [Int] = []
    private(set) var total = 0

    init() { values.reserveCapacity(256) }

    mutating func append(_ value: Int) {
        values.append(value)
        total += value
    }
}
