import Foundation
import MobileViTFixtures
import MobileViTONNX
import XCTest

@testable import MobileViTCore

/// A protocol that is soon done with.
let short = ProtocolSettings(
    launches: 2, rounds: 3, warmupMinRuns: 1, warmupMinS: 0, warmupCapS: 0.01, roundMinRuns: 2,
    roundMinS: 0, sentinelMinS: 0)

/// The bundle's ONNX artifact in a plan's folder, and runs of plans there by the real runtime.
struct ConductRuns {
    let folder: URL
    let bundle: ModelBundle
    let record: ArtifactRecord
    let machine = LinuxMachine(runner: "tests")

    init(_ name: String) throws {
        folder = try Inputs.out(name)
        bundle = try ModelBundle(folder: Inputs.bundle())
        record = try XCTUnwrap(
            bundle.manifest.artifacts.first { $0.format == "onnx" && $0.precision == "fp32" })
        try FileManager.default.copyItem(
            at: bundle.check(record), to: folder.appendingPathComponent("artifact.onnx"))
    }

    func planned(
        _ id: String = "0", artifact: String = "artifact.onnx", sha256: String? = nil,
        runtime: String = "onnxruntime", delegate: String = "cpu", batch: Int = 1
    ) -> PlannedCase {
        PlannedCase(
            id: id, artifact: artifact, artifactSha256: sha256 ?? record.sha256, runtime: runtime,
            delegate: delegate, batch: batch)
    }

    func plan(_ cases: [PlannedCase], _ settings: ProtocolSettings = short) -> Plan {
        Plan(run: "0123456789ab", protocol: settings, cases: cases)
    }

    func write(_ plan: Plan, to folder: URL? = nil) throws {
        try Data(encodeLine(plan).utf8).write(
            to: (folder ?? self.folder).appendingPathComponent(planFile))
    }

    /// The records that a plan comes to.
    func records(
        _ plan: Plan, runtime: (any InferenceRuntime)? = nil, machine: (any Machine)? = nil
    ) async throws -> [Record] {
        let told = Told()
        try await conduct(
            plan, folder: folder, runtimes: [try runtime ?? OnnxRuntime()],
            machine: machine ?? self.machine, tell: told.add)
        return told.records
    }
}

/// Records as they come.
final class Told {
    private(set) var records: [Record] = []

    func add(_ record: Record) { records.append(record) }
}

extension Record {
    var kind: String {
        switch self {
        case .started: "started"
        case .state: "state"
        case .opened: "opened"
        case .warmedUp: "warmed_up"
        case .round: "round"
        case .sentinel: "sentinel"
        case .closed: "closed"
        case .refused: "refused"
        case .ended: "ended"
        }
    }
}

extension [Record] {
    var rounds: [TimedRound] {
        compactMap { if case .round(let round) = $0 { round } else { nil } }
    }

    var opened: [Record.Opened] {
        compactMap { if case .opened(let opened) = $0 { opened } else { nil } }
    }

    var closed: [Record.Closed] {
        compactMap { if case .closed(let closed) = $0 { closed } else { nil } }
    }

    var refused: [Record.Refused] {
        compactMap { if case .refused(let refused) = $0 { refused } else { nil } }
    }
}

/// The real runtime, whose predictors fail after some runs, and which counts those that are open.
struct Failing: InferenceRuntime {
    let real: OnnxRuntime
    let runs: Int
    let open = Count()

    var name: String { real.name }
    var version: String { real.version }
    var suffixes: [String] { real.suffixes }
    var delegates: [String] { real.delegates }

    func load(
        _ artifact: URL, sha256: String, threads: Int, delegate: String
    ) async throws -> sending any Predictor {
        let real = try await real.load(
            artifact, sha256: sha256, threads: threads, delegate: delegate)
        return FailingPredictor(real, runs: runs, open: open)
    }
}

final class Count: @unchecked Sendable {
    // Sendable: only ever read or written with the lock
    private let lock = NSLock()
    private var count = 0

    var value: Int { lock.withLock { count } }
    func add(_ more: Int) { lock.withLock { count += more } }
}

private final class FailingPredictor: Predictor {
    private let real: any Predictor
    private var left: Int
    private let open: Count

    init(_ real: any Predictor, runs: Int, open: Count) {
        self.real = real
        left = runs
        self.open = open
        open.add(1)
    }

    deinit { open.add(-1) }

    var inputs: [TensorSpec] { real.inputs }
    var outputs: [TensorSpec] { real.outputs }
    var delegate: String { real.delegate }

    func feed(_ arrays: [String: Data]) throws { try real.feed(arrays) }

    func run() throws {
        left -= 1
        if left < 0 { throw MobileViTError(.refused, "it fell\nover", hint: "pick it up") }
        try real.run()
    }

    func output(_ name: String) throws -> Output { try real.output(name) }
}
