import Foundation
import MobileViTCore

/// What is shown of a benchmark that a URL asks for.
public enum BenchmarkRequestState: Sendable, Equatable {
    case none
    /// Any app and any page can open a URL, so the person is asked first.
    case asking(BenchmarkMessage)
    /// With the number of rounds so far.
    case running(BenchmarkMessage)
    case done(BenchmarkMessage)
    case failed(BenchmarkMessage)

    public var message: BenchmarkMessage? {
        switch self {
        case .none: nil
        case .asking(let message), .running(let message), .done(let message), .failed(let message):
            message
        }
    }

    /// The screen is to stay on.
    public var isRunning: Bool {
        if case .running = self { true } else { false }
    }
}

/// Runs a plan that lies in the folder of runs, where a URL asks for it and the person agrees:
/// `mobilevit-demo://benchmark/RUN`.
@MainActor
public final class BenchmarkRequestModel: Screen {
    public private(set) var state: BenchmarkRequestState = .none {
        didSet { changed?(state) }
    }
    public var changed: ((BenchmarkRequestState) -> Void)?

    private let runs: URL
    private let makeRuntime: @Sendable () throws -> any InferenceRuntime
    private let machine: any Machine
    private let beforeRun: @MainActor () async -> Void
    private let afterRun: @MainActor () -> Void
    private var asked: String?
    private var worker: Task<Ending, Never>?
    private var stopReason: BenchmarkStopReason?

    private enum Ending: Sendable {
        case done(Tally)
        case cancelled(Tally)
        case failed(String)
    }

    /// - Parameters:
    ///   - runs: see `runsFolder(in:)`.
    ///   - runtime: what opens the plan's artifacts; called off the main thread.
    ///   - beforeRun: lets go of what would disturb a run.
    ///   - afterRun: takes it up again, however the run ended.
    public init(
        runs: URL, runtime: @escaping @Sendable () throws -> any InferenceRuntime,
        machine: any Machine, beforeRun: @escaping @MainActor () async -> Void = {},
        afterRun: @escaping @MainActor () -> Void = {}
    ) {
        self.runs = runs
        makeRuntime = runtime
        self.machine = machine
        self.beforeRun = beforeRun
        self.afterRun = afterRun
    }

    /// Asks the person, where the URL is one of a benchmark; a second one waits for nothing, and is
    /// left aside while a run goes on.
    public func receive(_ url: URL) {
        if case .running = state { return }
        do {
            guard case .benchmark(let run)? = try BenchmarkCommand(url: url) else { return }
            asked = run
            state = .asking(
                BenchmarkMessage(
                    title: "Measure this phone?",
                    text:
                        "Another app asks for benchmark \(run). It keeps the screen on and warms the "
                        + "phone for some minutes. Nothing is sent anywhere."))
        } catch let error as MobileViTError {
            state = .failed(BenchmarkMessage(title: "This is no benchmark", text: error.sentence))
        } catch {
            state = .failed(
                BenchmarkMessage(title: "This is no benchmark", text: error.localizedDescription))
        }
    }

    /// The person does not want it, or has read how it ended.
    public func dismiss() {
        if case .running = state { return }
        asked = nil
        state = .none
    }

    /// The person wants it; returns when it is over.
    public func accept() async {
        guard case .asking = state, let run = asked else { return }
        stopReason = nil
        show(Tally())
        await beforeRun()
        let (tallies, sink) = AsyncStream.makeStream(
            of: Tally.self, bufferingPolicy: .bufferingNewest(1))
        let worker = Task.detached(priority: .userInitiated) { [runs, makeRuntime, machine] in
            defer { sink.finish() }
            return await BenchmarkRequestModel.measure(
                run, runs: runs, runtime: makeRuntime, machine: machine
            ) { sink.yield($0) }
        }
        self.worker = worker
        // while the other screens let go
        if stopReason != nil { worker.cancel() }
        for await tally in tallies { show(tally) }
        let ending = await worker.value
        self.worker = nil
        end(ending, run: run)
        afterRun()
    }

    /// The first reason counts. It takes effect after the run of the model that is under way.
    public func stop(_ reason: BenchmarkStopReason) {
        guard case .running = state, stopReason == nil else { return }
        stopReason = reason
        worker?.cancel()
    }

    private nonisolated static func measure(
        _ run: String, runs: URL, runtime: @Sendable () throws -> any InferenceRuntime,
        machine: any Machine, show: @escaping (Tally) -> Void
    ) async -> Ending {
        var tally = Tally()
        do {
            try await carryOut(
                .benchmark(run: run), runs: runs, runtimes: [try runtime()], machine: machine
            ) { line in
                if tally.add(line) { show(tally) }
            }
            return .done(tally)
        } catch is CancellationError {
            return .cancelled(tally)
        } catch let error as MobileViTError {
            return .failed(error.sentence)
        } catch {
            return .failed(error.localizedDescription)
        }
    }

    private func show(_ tally: Tally) {
        state = .running(
            BenchmarkMessage(
                title: "Measuring", text: "\(tally.text) so far. The screen stays on.",
                detail: tally.refused))
    }

    private func end(_ ending: Ending, run: String) {
        let folder = "\(runs.lastPathComponent)/\(run)"
        switch ending {
        case .done(let tally):
            state = .done(
                BenchmarkMessage(
                    title: "Measured",
                    text: "\(tally.text). They lie in \(folder), in this app’s folder of Files.",
                    detail: tally.refused))
        case .cancelled(let tally):
            let reason = stopReason ?? .left
            state = .failed(
                BenchmarkMessage(
                    title: "Stopped early",
                    text: "\(reason.text) \(tally.text) until then lie in \(folder).",
                    detail: tally.refused))
        case .failed(let text):
            state = .failed(BenchmarkMessage(title: "It could not be measured", text: text))
        }
    }
}

/// What the lines of a run say, counted.
private struct Tally: Sendable {
    private var rounds = 0
    private var reasons: [String] = []

    var text: String { BenchmarkWords().count(rounds, "round") }
    var refused: String? { reasons.isEmpty ? nil : reasons.joined(separator: "\n") }

    /// Whether it changed anything.
    mutating func add(_ line: String) -> Bool {
        guard let start = line.firstIndex(of: "{") else { return false }
        // other lines are of no interest here, and the file has them all
        switch try? JSONDecoder().decode(Record.self, from: Data(line[start...].utf8)) {
        case .round?:
            rounds += 1
        case .refused(let refused)?:
            reasons.append(refused.reason)
        default:
            return false
        }
        return true
    }
}
