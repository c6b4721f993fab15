import Foundation

/// Runs a plan by the protocol of `mobilevit_benchmarks/runner/conduct.py`.
///
/// An app has one process for all cases, so a launch is the artifact opened anew. Peak memory is of
/// that process: it is told of the first launch only, and where no other case is open beside it;
/// elsewhere it would be another's, and is nil.
///
/// - Parameters:
///   - folder: where the artifacts and feeds that the plan names lie.
///   - tell: is given each record as it comes; what it throws ends the run.
/// - Throws: `CancellationError` where the task is cancelled, between any two runs: what was recorded
///   then stays; there is no `ended`.
public func conduct(
    _ plan: Plan, folder: URL, runtimes: [any InferenceRuntime], machine: any Machine,
    tell: @escaping (Record) throws -> Void
) async throws {
    try await Conductor(
        plan: plan, folder: folder, runtimes: runtimes, machine: machine, tell: tell
    ).run()
}

/// The records of a plan as they come, for a screen: `conduct` in a task of its own, off the main
/// thread. It is cancelled with the task that reads the stream, and when the stream is let go.
///
/// Throws what `conduct` does, but for `CancellationError`: a reader that is cancelled comes to the end.
public func records(
    of plan: Plan, folder: URL, runtimes: [any InferenceRuntime], machine: any Machine
) -> AsyncThrowingStream<Record, any Error> {
    AsyncThrowingStream { continuation in
        let task = Task.detached(priority: .userInitiated) {
            do {
                try await conduct(plan, folder: folder, runtimes: runtimes, machine: machine) {
                    continuation.yield($0)
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in task.cancel() }
    }
}

private struct Conductor {
    let plan: Plan
    let folder: URL
    let runtimes: [any InferenceRuntime]
    let machine: any Machine
    let tell: (Record) throws -> Void
    private let sentinel = Sentinel()

    private var settings: ProtocolSettings { plan.protocol }

    func run() async throws {
        try tell(.started(.init(run: plan.run, device: machine.describe())))
        try readState()
        _ = try warm(sentinel.takeNs)
        if let seconds = settings.sustainedS {
            try await sustain(ns: nanoseconds(seconds))
        } else {
            try await interleave()
        }
        try readState()
        try tell(.ended)
    }

    private func interleave() async throws {
        var random = SplitMix64(seed: settings.seed)
        var cases = plan.cases
        var number = 0
        for launch in 0..<min(settings.launches, settings.rounds) {
            if cases.isEmpty { break }
            var open = try await self.open(cases, launch: launch)
            try readSentinel()
            for _ in 0..<rounds(in: launch) {
                if open.isEmpty { break }
                // in an order drawn anew, or one case would always run in the wake of another
                for planned in cases.shuffled(using: &random) {
                    guard let opened = open[planned.id] else { continue }
                    let round = try refusing(planned) {
                        try timedRound(
                            number, of: planned, launch, opened, minRuns: settings.roundMinRuns,
                            minS: settings.roundMinS)
                    }
                    if let round { try tell(.round(round)) } else { open[planned.id] = nil }
                    try readSentinel()
                }
                number += 1
            }
            cases = cases.filter { open[$0.id] != nil }
            for planned in cases {
                let told = launch == 0 && plan.cases.count == 1 ? open[planned.id] : nil
                try tellClosed(planned, launch, told)
            }
        }
    }

    /// The plan's rounds are spread over its launches as evenly as can be; no launch without one.
    private func rounds(in launch: Int) -> Int {
        share(of: settings.rounds, over: min(settings.launches, settings.rounds), at: launch)
    }

    private func sustain(ns: Int) async throws {
        for planned in plan.cases {
            try readSentinel()
            if let opened = try await open([planned], launch: 0)[planned.id] {
                let start = monotonicNs()
                var number = 0
                var refused = false
                while !refused, monotonicNs() - start < ns {
                    let window = try refusing(planned) {
                        try timedRound(
                            number, of: planned, 0, opened, minRuns: 1,
                            minS: settings.sustainedWindowS)
                    }
                    if let window {
                        try tell(.round(window))
                        try readState()
                    }
                    refused = window == nil
                    number += 1
                }
                let first = planned.id == plan.cases.first?.id
                if !refused { try tellClosed(planned, 0, first ? opened : nil) }
            }
            try readSentinel()
        }
    }

    /// A warm launch of every case that is not refused, by its id.
    private func open(_ cases: [PlannedCase], launch: Int) async throws -> [String: Launch] {
        var open: [String: Launch] = [:]
        for planned in cases {
            try Task.checkCancellation()
            let told: Record.Opened
            do {
                let opened = try await Launch(
                    planned, folder: folder, runtimes: runtimes, machine: machine,
                    seed: settings.seed)
                told = try opened.firstRun(planned, launch: launch)
                open[planned.id] = opened
            } catch let refusal as MobileViTError {
                try tellRefused(planned, refusal)
                continue
            }
            try tell(.opened(told))
        }
        for planned in cases {
            guard let opened = open[planned.id] else { continue }
            if let warm = try refusing(planned, { try warm(opened.takeNs) }) {
                try tell(
                    .warmedUp(
                        .init(
                            case: planned.id, launch: launch, samplesNs: warm.samplesNs,
                            capped: warm.capped)))
            } else {
                open[planned.id] = nil
            }
        }
        return open
    }

    /// Nil: it is refused, which is told.
    private func refusing<Answer>(
        _ planned: PlannedCase, _ ask: () throws -> Answer
    ) throws -> Answer? {
        do {
            return try ask()
        } catch let refusal as MobileViTError {
            try tellRefused(planned, refusal)
            return nil
        }
    }

    private func tellRefused(_ planned: PlannedCase, _ refusal: MobileViTError) throws {
        try tell(.refused(.init(case: planned.id, reason: oneLine(refusal.description))))
    }

    private func warm(_ run: () throws -> Int) throws -> WarmUp {
        try warmUp(
            minRuns: settings.warmupMinRuns, minNs: nanoseconds(settings.warmupMinS),
            capNs: nanoseconds(settings.warmupCapS), agreement: settings.warmupAgreement,
            run: { try going(run) })
    }

    private func timedRound(
        _ number: Int, of planned: PlannedCase, _ launch: Int, _ opened: Launch, minRuns: Int,
        minS: Double
    ) throws -> TimedRound {
        let started = monotonicNs()
        let samples = try timedRuns(
            minRuns: minRuns, minNs: nanoseconds(minS), run: { try going(opened.takeNs) })
        return TimedRound(
            case: planned.id, launch: launch, round: number, startedNs: started, samplesNs: samples)
    }

    private func readSentinel() throws {
        let started = monotonicNs()
        let samples = try timedRuns(
            minRuns: sentinelRuns, minNs: nanoseconds(settings.sentinelMinS),
            run: { try going(sentinel.takeNs) })
        try tell(.sentinel(.init(startedNs: started, samplesNs: samples)))
    }

    private func readState() throws {
        try tell(.state(.init(atNs: monotonicNs(), state: machine.state())))
    }

    /// - Parameter opened: nil: nobody can tell what memory it took.
    private func tellClosed(_ planned: PlannedCase, _ launch: Int, _ opened: Launch?) throws {
        let memory = opened?.peakMemory(machine)
        try tell(
            .closed(
                .init(
                    case: planned.id, launch: launch, peakMemoryBytes: memory?.bytes,
                    memoryRiseBytes: memory?.rise)))
    }

    /// Runs, unless the task was cancelled.
    private func going(_ run: () throws -> Int) throws -> Int {
        try Task.checkCancellation()
        return try run()
    }
}

/// The part that falls to one of `parts`, where `whole` is spread as evenly as can be.
func share(of whole: Int, over parts: Int, at part: Int) -> Int {
    whole / parts + (part < whole % parts ? 1 : 0)
}

private func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline)
        .map { $0.trimmingCharacters(in: .whitespaces) }
        .filter { !$0.isEmpty }
        .joined(separator: " ")
}

private let sentinelRuns = 3
