import Foundation
import MobileViTCore

/// Says whether this phone computes what the training computed, and what it runs.
///
/// The test runs once for each bundle and version of the app, and whenever asked. Only a pass is
/// remembered, so that a phone that fails is told so at each start.
@MainActor
public final class SelfTestModel: Screen {
    public private(set) var state: SelfTestState {
        didSet { if state != oldValue { changed?(state) } }
    }
    public var changed: ((SelfTestState) -> Void)?
    /// Called with what is known, whenever it changes.
    var progressed: ((SelfTestProgress) -> Void)?

    private(set) var progress = SelfTestProgress.notRun {
        didSet {
            progressed?(progress)
            update()
        }
    }

    private let loader: ModelLoader
    private let surroundings: Surroundings
    private let words: SelfTestWords

    private var isOnScreen = false
    /// It runs as soon as it can.
    private var isAsked = false
    private var running: Task<Void, Never>?
    private var pictures: [String: RGBImage] = [:]

    private static let memoryKey = "self-test passed"

    init(loader: ModelLoader, _ surroundings: Surroundings) {
        self.loader = loader
        self.surroundings = surroundings
        words = SelfTestWords(figures: Figures(locale: surroundings.locale))
        state = SelfTestState(verdict: SelfTestModel.running(model: .closed))
    }

    // MARK: - What a person does

    /// Runs it as soon as the model is open.
    public func run() {
        if progress == .running { return }
        isAsked = true
        if let classifier = loader.state.model?.classifier {
            start(classifier)
        } else {
            loader.open()
        }
    }

    // MARK: - What happens to it

    /// The details are on the screen.
    func enter() {
        isOnScreen = true
        switch progress {
        // a pass of an earlier start has no details any more
        case .notRun, .passedBefore: run()
        case .running, .done, .failed: break
        }
        markRead()
    }

    func leave() { isOnScreen = false }

    /// The app is not seen any more: a phone may refuse to compute then.
    func pause() {
        guard progress == .running else { return }
        startOver()
    }

    /// The app is seen again: what it interrupted starts over.
    func resume() {
        if isAsked { run() }
    }

    func modelIs(_ state: ModelLoader.State) {
        guard let classifier = state.model?.classifier else {
            if progress == .running { startOver() }
            return update()
        }
        if isAsked || needsRun(classifier) { start(classifier) }
        update()
    }

    // MARK: - The test

    private func needsRun(_ classifier: MobileViTClassifier) -> Bool {
        switch progress {
        case .done, .running: return false
        case .notRun, .passedBefore, .failed: break
        }
        let passed = surroundings.memory.string(forKey: SelfTestModel.memoryKey)
        guard passed == memory(of: classifier) else { return true }
        progress = .passedBefore
        return false
    }

    private func start(_ classifier: MobileViTClassifier) {
        running?.cancel()
        progress = .running
        let decode = surroundings.decode
        running = Task {
            let outcome: SelfTestProgress
            do {
                outcome = .done(try await classifier.selfTest(decode: decode), isRead: false)
            } catch {
                outcome = .failed(told(error))
            }
            // interrupted, and asked for again
            if Task.isCancelled { return }
            end(outcome, of: classifier)
            await readPictures(of: classifier)
        }
    }

    private func startOver() {
        running?.cancel()
        running = nil
        isAsked = true
        progress = .notRun
    }

    private func end(_ outcome: SelfTestProgress, of classifier: MobileViTClassifier) {
        isAsked = false
        if case .done(let result, _) = outcome {
            surroundings.memory.set(
                result.passed ? memory(of: classifier) : nil, forKey: SelfTestModel.memoryKey)
        }
        progress = outcome
        markRead()
    }

    private func memory(of classifier: MobileViTClassifier) -> String {
        "\(surroundings.version) \(classifier.bundle.manifest.digest)"
    }

    private func markRead() {
        guard isOnScreen, case .done(let result, false) = progress else { return }
        progress = .done(result, isRead: true)
    }

    private func readPictures(of classifier: MobileViTClassifier) async {
        guard pictures.isEmpty, case .done = progress else { return }
        pictures = await thumbnails(of: classifier.bundle, decode: surroundings.decode)
        update()
    }

    // MARK: - What is shown

    private func update() {
        var shown = SelfTestState(verdict: verdict())
        if let model = loader.state.model {
            shown.facts = facts(of: model, appVersion: surroundings.version, words.figures)
        }
        if case .done(let result, _) = progress {
            shown.golden = result.golden.map {
                var golden = words.golden($0, allowed: result.allowed)
                golden.picture = pictures[$0.file]
                return golden
            }
            shown.pixels = words.pixels(result).joined(separator: "\n")
        }
        state = shown
    }

    private func verdict() -> SelfTestState.Verdict {
        if case .failed(let cause) = loader.state {
            return SelfTestModel.broken(Problem.modelFailed(cause).title, cause)
        }
        switch progress {
        case .failed(let cause): return SelfTestModel.broken(SelfTestWords.didNotRun, cause)
        case .done(let result, _): return words.verdict(on: result)
        case .notRun, .passedBefore, .running: return SelfTestModel.running(model: loader.state)
        }
    }

    private static func broken(_ title: String, _ cause: MobileViTError) -> SelfTestState.Verdict {
        SelfTestState.Verdict(
            tone: .caution, title: title, text: cause.sentences, action: "Try again")
    }

    private static func running(model: ModelLoader.State) -> SelfTestState.Verdict {
        SelfTestState.Verdict(
            tone: .neutral, title: "Checking this phone…",
            text: model.model == nil
                ? "The model is being opened…"
                : "Reference photos are run, to see whether this phone computes what the training "
                    + "computed.",
            action: nil)
    }
}

/// The golden images, small, by their files; without those that are not as they were exported, which
/// the test has told already.
private func thumbnails(
    of bundle: ModelBundle, decode: @Sendable (Data) throws -> RGBImage
) async -> [String: RGBImage] {
    var pictures: [String: RGBImage] = [:]
    for golden in bundle.manifest.golden {
        // the test that just passed over the same files says what is wrong with them
        if let image = try? decode(bundle.read(golden.file, sha256: golden.sha256)) {
            pictures[golden.file] = image.shrunk(toSide: 160)
        }
    }
    return pictures
}
