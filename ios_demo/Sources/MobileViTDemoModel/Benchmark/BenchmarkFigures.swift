import MobileViTCore

/// What a case comes to, as the host's report has it. Times are nanoseconds, memory is bytes.
public struct CaseFigures: Sendable, Equatable {
    public let summary: Summary
    /// Nil under sustained load, where the latency has a trend.
    public let mean: Interval?
    /// Median over the launches; of two in the middle, the upper.
    public let loadNs: Int
    /// Of the first launch.
    public let firstRunNs: Int
    /// The highest of the launches that told; nil where none did.
    public let peakMemory: Int?
    /// What really ran it, in the runtime's words.
    public let delegateRan: String
    public let runtimeVersion: String
    public let rounds: Int
    public let disturbed: Set<Int>
    /// A warm-up was ended before the times settled.
    public let capped: Bool
    /// Under sustained load only.
    public let throttling: Throttling?

    /// Nil where no round was measured.
    init?(_ one: BenchmarkTrace.Case, in trace: BenchmarkTrace) {
        let launches = one.launches.filter { !$0.rounds.isEmpty }
        guard let first = launches.first else { return nil }
        summary = summarize(one.samplesNs)
        mean = trace.isSustained ? nil : meanInterval(one.rounds)
        loadNs = launches.map(\.loadNs).sorted()[launches.count / 2]
        firstRunNs = first.firstRunNs
        peakMemory = launches.compactMap(\.peakMemory).max()
        delegateRan = first.delegate
        runtimeVersion = first.runtimeVersion
        rounds = one.rounds.count
        disturbed = trace.disturbed(one)
        capped = launches.contains(where: \.capped)
        throttling = trace.isSustained ? MobileViTCore.throttling(one.rounds) : nil
    }
}
