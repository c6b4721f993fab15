import Foundation
import MobileViTCore
import MobileViTFixtures
import MobileViTONNX
import XCTest

@testable import MobileViTDemoModel

/// A machine in a state that a test chooses.
struct BenchMachine: Machine {
    var device = DeviceDescription(
        model: "iPhone 99 Pro (Test)", chip: nil, machine: "x86_64", cores: 2, memoryBytes: nil,
        system: "Linux", runner: "MobileViTDemoModelTests")
    var now = DeviceState()

    func describe() -> DeviceDescription { device }
    func state() -> DeviceState { now }
    func peakMemory() -> Int? { nil }
    func residentMemory() -> Int? { nil }
}

/// ONNX Runtime, which is offered with a delegate that it has not: what it says of that is its own.
struct OverpromisedRuntime: InferenceRuntime {
    let real: OnnxRuntime
    var delegates: [String]
    var name: String { real.name }
    var version: String { real.version }
    var suffixes: [String] { real.suffixes }

    func load(
        _ artifact: URL, sha256: String, threads: Int, delegate: String
    ) async throws -> sending any Predictor {
        try await real.load(artifact, sha256: sha256, threads: threads, delegate: delegate)
    }
}

extension ProtocolSettings {
    /// A few runs, so that a test takes parts of a second.
    static let short = ProtocolSettings(
        launches: 2, rounds: 4, warmupMinRuns: 2, warmupMinS: 0, warmupCapS: 0.3, roundMinRuns: 3,
        roundMinS: 0, sentinelMinS: 0.001)

    /// Longer than any test, which stops it.
    static let endless = ProtocolSettings(
        launches: 1, warmupMinRuns: 2, warmupMinS: 0, warmupCapS: 0.1, sustainedS: 30,
        sustainedWindowS: 0.05)
}

/// A model over a real runtime, with all states that it had.
@MainActor
final class BenchmarkBench {
    let model: BenchmarkModel
    let results: URL
    let runtime: OverpromisedRuntime
    /// How often the bundle was opened.
    let openings = Count()
    private(set) var states: [BenchmarkState] = []

    init(
        _ test: String, bundle: URL? = nil, delegates: [String] = ["cpu"],
        machine: BenchMachine = .init(), surroundings: BenchmarkSurroundings = .init(),
        settings: ProtocolSettings = .short,
        beforeRun: @escaping @MainActor () async -> Void = {},
        whileOpening: @escaping @Sendable () -> Void = {}
    ) throws {
        results = try Inputs.out("benchmark-\(test)").appendingPathComponent("results")
        runtime = OverpromisedRuntime(real: try OnnxRuntime(), delegates: delegates)
        model = BenchmarkModel(
            bundle: try bundle ?? Inputs.bundle(),
            runtime: { [runtime, openings] in
                openings.add(1)
                whileOpening()
                return runtime
            }, machine: machine, results: results, surroundings: surroundings,
            locale: Locale(identifier: "en_US_POSIX"), settings: { _ in settings },
            beforeRun: beforeRun)
        model.changed = { [weak self] in self?.states.append($0) }
    }

    var setup: BenchmarkSetup {
        get throws {
            guard case .ready(let setup) = model.state else { throw Unexpected(model.state) }
            return setup
        }
    }

    var outcome: BenchmarkOutcome {
        get throws {
            guard case .finished(let outcome) = model.state else { throw Unexpected(model.state) }
            return outcome
        }
    }

    var failure: BenchmarkMessage {
        get throws {
            switch model.state {
            case .failed(let message), .unavailable(let message): return message
            default: throw Unexpected(model.state)
            }
        }
    }

    /// What is said of how it ended.
    var text: String {
        get throws {
            if case .finished(let outcome) = model.state { return outcome.stopped ?? "" }
            return try failure.text
        }
    }

    /// Whether a run of the model was shown.
    var isMeasuring: Bool {
        if case .running(let running) = model.state { running.chart != nil } else { false }
    }

    /// Starts, and stops for a reason once a round was shown.
    func startAndStop(_ reason: BenchmarkStopReason, afterARound: Bool = true) async throws {
        let run = Task { await model.start() }
        try await waitUntil("a round") {
            guard case .running(let running) = model.state else { return false }
            return !afterARound || running.chart?.medians.isEmpty == false
        }
        model.stop(reason)
        await run.value
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String

    init(_ state: some Any) { description = "unexpected: \(state)".prefix(600).description }
}

/// Looks again and again, for half a minute.
@MainActor
func waitUntil(_ what: String, _ isSo: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while !isSo() {
        guard ContinuousClock.now < deadline else { throw Unexpected("no \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// A copy of the bundle that a test may spoil.
func copiedBundle(_ test: String) throws -> URL {
    let copy = try Inputs.out("bundle-\(test)").appendingPathComponent("bundle")
    try FileManager.default.copyItem(at: Inputs.bundle(), to: copy)
    return copy
}
