import MobileViTCore

@testable import MobileViTDemoModel

/// Records as a run tells them, in milliseconds, on a clock of their own.
struct RecordMaker {
    private(set) var records: [Record] = []
    private var now = 1_000_000

    mutating func open(_ id: String, launch: Int = 0, loadMs: Double = 20, firstMs: Double = 9) {
        records.append(
            .opened(
                .init(
                    case: id, launch: launch, runtimeVersion: "1.0", delegate: "on \(id)",
                    loadNs: ns(loadMs), firstRunNs: ns(firstMs))))
    }

    mutating func warmUp(_ id: String, launch: Int = 0, _ ms: [Double], capped: Bool = false) {
        now += ms.map(ns).reduce(0, +)
        records.append(
            .warmedUp(.init(case: id, launch: launch, samplesNs: ms.map(ns), capped: capped)))
    }

    mutating func round(_ id: String, launch: Int = 0, _ number: Int, _ ms: [Double]) {
        records.append(
            .round(
                TimedRound(
                    case: id, launch: launch, round: number, startedNs: now,
                    samplesNs: ms.map(ns))))
        now += ms.map(ns).reduce(0, +)
    }

    mutating func sentinel(_ ms: Double) {
        records.append(.sentinel(SentinelReading(startedNs: now, samplesNs: [ns(ms)])))
        now += ns(ms)
    }

    mutating func close(_ id: String, launch: Int = 0, peakMemory: Int? = nil) {
        records.append(
            .closed(
                .init(
                    case: id, launch: launch, peakMemoryBytes: peakMemory, memoryRiseBytes: nil)))
    }

    mutating func refuse(_ id: String, _ reason: String) {
        records.append(.refused(.init(case: id, reason: reason)))
    }

    mutating func state(_ thermal: String?) {
        records.append(.state(.init(atNs: now, state: DeviceState(thermalStatus: thermal))))
    }

    func trace(_ cases: [String], isSustained: Bool = false) -> BenchmarkTrace {
        var trace = BenchmarkTrace(cases: cases, isSustained: isSustained)
        for record in records { trace.add(record) }
        return trace
    }

    private func ns(_ ms: Double) -> Int { Int((ms * 1e6).rounded()) }
}

/// Two cases in turns, the second twice as slow; the third round is beside a slow sentinel.
func recordsInTurns(rounds: Int = 8) -> RecordMaker {
    var made = RecordMaker()
    made.state("nominal")
    for id in ["0", "1"] { made.open(id) }
    for id in ["0", "1"] { made.warmUp(id, [7, 6, 5], capped: id == "1") }
    made.sentinel(1)
    for number in 0..<rounds {
        for (id, ms) in [("0", 4.0), ("1", 8.0)] {
            made.round(id, number, [ms, ms + 0.1, ms + 0.2])
            made.sentinel(number == 2 ? 2 : 1)
        }
    }
    for id in ["0", "1"] { made.close(id) }
    made.state("fair")
    return made
}
