import Foundation
import MobileViTCore

/// The benchmark screen: measures artifacts of the bundle on this device, by the protocol of
/// `mobilevit benchmark`.
///
/// A run goes on when the phone is turned, and ends when the screen is left or the app goes to the
/// background: what was measured until then is shown, and its result says so.
///
///     opening ─▶ ready ◀──▶ running ─▶ finished, failed ─▶ ready
///           └─▶ unavailable
@MainActor
public final class BenchmarkModel: Screen {
    public private(set) var state: BenchmarkState = .opening {
        didSet { changed?(state) }
    }
    public var changed: ((BenchmarkState) -> Void)?

    private let folder: URL
    private let makeRuntime: @Sendable () throws -> any InferenceRuntime
    private let machine: any Machine
    private let surroundings: BenchmarkSurroundings
    private let results: URL
    private let words: BenchmarkWords
    private let settings: @Sendable (BenchmarkMode) -> ProtocolSettings
    private let beforeRun: @MainActor () async -> Void

    private var isOpening = false
    private var opened: Opened?
    private var setup: BenchmarkSetup?
    private var run: BenchmarkRun?
    private var worker: Task<BenchmarkRun.Measured, Never>?
    private var stopReason: BenchmarkStopReason?

    private struct Opened: Sendable {
        let bundle: ModelBundle
        let runtime: any InferenceRuntime
    }

    /// - Parameters:
    ///   - folder: the bundle's.
    ///   - runtime: what opens its artifacts; called off the main thread.
    ///   - results: a folder for results that may be shared, and for nothing else.
    ///   - locale: whose notation the figures have.
    ///   - settings: the protocol of each mode.
    ///   - beforeRun: lets go of what would disturb a run.
    public init(
        bundle folder: URL, runtime: @escaping @Sendable () throws -> any InferenceRuntime,
        machine: any Machine, results: URL, surroundings: BenchmarkSurroundings = .init(),
        locale: Locale = .autoupdatingCurrent,
        settings: @escaping @Sendable (BenchmarkMode) -> ProtocolSettings = { $0.settings },
        beforeRun: @escaping @MainActor () async -> Void = {}
    ) {
        self.folder = folder
        makeRuntime = runtime
        self.machine = machine
        self.results = results
        self.surroundings = surroundings
        words = BenchmarkWords(locale: locale)
        self.settings = settings
        self.beforeRun = beforeRun
    }

    /// It is seen: reads the bundle, once; later it only looks at what would spoil the figures now.
    func appear() async {
        // shown again meanwhile: who opens it goes on
        if isOpening { return }
        if opened == nil {
            isOpening = true
            state = await open()
            isOpening = false
        }
        await lookAtConditions()
    }

    // MARK: - The choice

    /// Measures the artifact of this file too, or no more; one always stays.
    public func toggle(artifact file: String) { change { $0.toggle(artifact: file) } }

    /// Measures on this delegate too, or no more; one always stays.
    public func toggle(delegate: String) { change { $0.toggle(delegate: delegate) } }

    public func choose(mode: BenchmarkMode) { change { $0.choice.mode = mode } }

    private func change(_ change: (inout BenchmarkSetup) -> Void) {
        guard case .ready(var setup) = state else { return }
        change(&setup)
        self.setup = setup
        state = .ready(setup)
    }

    // MARK: - A run

    /// Measures what is chosen; returns when it is over. Does nothing while another one runs.
    public func start() async {
        guard case .ready(let setup) = state, let opened else { return }
        stopReason = nil
        var run = BenchmarkRun(
            bundle: opened.bundle, runtime: opened.runtime, machine: machine, cases: setup.cases,
            settings: settings(setup.choice.mode), words: words, before: [],
            surroundings: surroundings, results: results)
        state = .running(run.running(run.emptyTrace, stopping: nil))
        await beforeRun()
        run.before = await present()
        state = await follow(run)
    }

    /// The first reason counts. It takes effect after the run of the model that is under way.
    public func stop(_ reason: BenchmarkStopReason) {
        guard case .running(var running) = state, stopReason == nil else { return }
        stopReason = reason
        worker?.cancel()
        running.stopping = reason
        state = .running(running)
    }

    /// Stops, and waits until nothing is measured any more.
    public func end(_ reason: BenchmarkStopReason) async {
        stop(reason)
        _ = await worker?.value
    }

    /// Back to the choice of another run.
    public func clear() async {
        switch state {
        case .finished, .failed: break
        case .opening, .unavailable, .ready, .running: return
        }
        if let setup { state = .ready(setup) }
        await lookAtConditions()
    }

    /// Tries once more to write the result for sharing, where there was no room.
    public func exportAgain() async {
        guard case .finished(var outcome) = state, let run else { return }
        let (json, created) = (outcome.json, outcome.created)
        let export = await Task.detached { run.export(json, created: created) }.value
        guard case .finished(let now) = state, now.created == created else { return }
        outcome.export = export
        state = .finished(outcome)
    }

    private func follow(_ run: BenchmarkRun) async -> BenchmarkState {
        self.run = run
        // drawing may take longer than measuring; only the newest is worth it
        let (traces, sink) = AsyncStream.makeStream(
            of: BenchmarkTrace.self, bufferingPolicy: .bufferingNewest(1))
        let worker = Task.detached(priority: .userInitiated) {
            defer { sink.finish() }
            return await run.measure { sink.yield($0) }
        }
        self.worker = worker
        // while the other screens let go
        if stopReason != nil { worker.cancel() }
        for await trace in traces {
            let drawn = await Task.detached { run.running(trace, stopping: nil) }.value
            show(drawn)
        }
        let measured = await worker.value
        self.worker = nil
        // it may have come to its end all the same
        let stopped = measured.isCancelled ? stopReason ?? .left : nil
        return await Task.detached { run.end(measured, stopped: stopped) }.value
    }

    private func show(_ drawn: BenchmarkRunning) {
        var drawn = drawn
        drawn.stopping = stopReason
        state = .running(drawn)
    }

    // MARK: - What is there

    private func open() async -> BenchmarkState {
        let (folder, makeRuntime) = (folder, makeRuntime)
        do {
            let opened = try await Task.detached {
                Opened(bundle: try ModelBundle(folder: folder), runtime: try makeRuntime())
            }.value
            let setup = try BenchmarkSetup(opened.bundle, runtime: opened.runtime)
            self.opened = opened
            self.setup = setup
            return .ready(setup)
        } catch let error as MobileViTError {
            return .unavailable(message(on: error.sentence))
        } catch {
            return .unavailable(message(on: error.localizedDescription))
        }
    }

    private func message(on text: String) -> BenchmarkMessage {
        BenchmarkMessage(title: "There is no model to measure", text: text)
    }

    private func lookAtConditions() async {
        let now = await present()
        change { $0.conditions = now }
    }

    private func present() async -> [BenchmarkCondition] {
        let (machine, surroundings) = (machine, surroundings)
        return await Task.detached {
            conditions(of: machine.describe(), in: machine.state(), surroundings)
        }.value
    }
}
