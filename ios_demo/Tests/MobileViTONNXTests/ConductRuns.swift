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

/// Fails after some runs, and is counted while it is open.
final class FailingPredictor: WrappedPredictor {
    private var left: Int
    private let open: Count

    init(_ real: any Predictor, runs: Int, open: Count) {
        left = runs
        self.open = open
        super.init(real)
        open.add(1)
    }

    deinit { open.add(-1) }

    override func run() throws {
        left -= 1
        if left < 0 { throw MobileViTError(.refused, "it fell\nover", hint: "pick it up") }
        try super.run()
    }
}
