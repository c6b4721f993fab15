import Foundation
import MobileViTCore

/// The app without its views: its tabs, the one model that they share, and what happens to all of them.
@MainActor
public final class AppModel: Screen {
    public enum Tab: Hashable, Sendable, CaseIterable {
        case live, photo, benchmark, selfTest
    }

    /// How much of the app is seen.
    public enum Phase: Sendable, Equatable {
        case active
        /// Something lies over it, such as a question of the system's.
        case inactive
        case background
    }

    public struct State: Sendable, Equatable {
        public internal(set) var tab = Tab.live
    }

    public private(set) var state = State() {
        didSet { if state != oldValue { changed?(state) } }
    }
    public var changed: ((State) -> Void)?

    public let live: LiveModel
    public let photo: PhotoModel
    public let selfTest: SelfTestModel
    public let benchmark: BenchmarkModel
    /// Benchmarks that a URL asks for.
    public private(set) lazy var requests = BenchmarkRequestModel(
        runs: surroundings.runs, runtime: surroundings.runtime, machine: surroundings.machine,
        beforeRun: { [weak self] in await self?.makeWay() },
        afterRun: { [weak self] in self?.comeBack() })

    private let surroundings: Surroundings
    private let loader: ModelLoader
    /// Nothing is done before the app is seen for the first time.
    private var isSeen = false

    public init(_ surroundings: Surroundings, camera: any Camera) {
        self.surroundings = surroundings
        let (bundle, runtime) = (surroundings.bundle, surroundings.runtime)
        let (artifact, delegate) = (surroundings.artifact, surroundings.delegate)
        loader = ModelLoader {
            let runtime = try runtime()
            return OpenModel(
                classifier: try await MobileViTClassifier(
                    bundle: bundle, runtime: runtime, artifact: artifact, delegate: delegate),
                runtime: runtime)
        }
        live = LiveModel(camera: camera, loader: loader, surroundings)
        photo = PhotoModel(loader: loader, surroundings)
        selfTest = SelfTestModel(loader: loader, surroundings)
        benchmark = BenchmarkModel(
            bundle: bundle, runtime: runtime, machine: surroundings.machine,
            results: surroundings.results, surroundings: surroundings.benchmarks,
            locale: surroundings.locale, beforeRun: { [loader] in loader.close() })
        selfTest.progressed = { [live] in live.selfTestIs($0.notice) }
        loader.changed = { [live, photo, selfTest] state in
            // first, so that the phone is tested before it is relied on
            selfTest.modelIs(state)
            live.modelIs(state)
            photo.modelIs(state)
        }
    }

    // MARK: - What a person does

    public func select(_ tab: Tab) {
        guard tab != state.tab else { return }
        if isSeen { leave(state.tab) }
        state.tab = tab
        if isSeen { enter(tab) }
    }

    /// Names what is in a photo that another app hands over: see `PhotoModel.look(fetching:)`.
    public func look(fetching fetch: @escaping @MainActor () async throws -> URL?) {
        select(.photo)
        photo.look(fetching: fetch)
    }

    /// Asks the person, where a URL asks for a benchmark; of other URLs nothing.
    public func receive(_ url: URL) { requests.receive(url) }

    // MARK: - What happens to it

    public func phaseIs(_ phase: Phase) {
        switch phase {
        case .active: becomeSeen()
        case .background: becomeUnseen()
        // it is still seen, or not yet
        case .inactive: break
        }
    }

    public func warmthIs(_ warmth: Warmth) { live.warmthIs(warmth) }

    /// Memory is short: lets go of the model where no screen that is seen needs it. It is opened again
    /// when one does.
    public func memoryIsShort() {
        benchmark.stop(.memory)
        requests.stop(.memory)
        if !isSeen || state.tab == .benchmark { loader.close() }
    }

    private func becomeSeen() {
        guard !isSeen else { return }
        isSeen = true
        enter(state.tab)
    }

    private func becomeUnseen() {
        guard isSeen else { return }
        isSeen = false
        // before it is left, as the first reason counts
        benchmark.stop(.background)
        requests.stop(.background)
        leave(state.tab)
        selfTest.pause()
    }

    /// For a benchmark that a URL asks for, whatever is on the screen.
    private func makeWay() async {
        await benchmark.end(.left)
        leave(state.tab)
        loader.close()
    }

    private func comeBack() {
        if isSeen { enter(state.tab) }
    }

    private func enter(_ tab: Tab) {
        // it comes back when the benchmark that a URL asked for is over
        if requests.state.isRunning { return }
        // a benchmark has the device for itself
        if tab != .benchmark {
            loader.open()
            selfTest.resume()
        }
        switch tab {
        case .live: live.enter()
        case .photo: photo.enter()
        case .selfTest: selfTest.enter()
        case .benchmark: Task { await benchmark.appear() }
        }
    }

    private func leave(_ tab: Tab) {
        switch tab {
        case .live: live.leave()
        case .photo: photo.leave()
        case .selfTest: selfTest.leave()
        case .benchmark: benchmark.stop(.left)
        }
    }
}
