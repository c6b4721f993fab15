import MobileViTCore

/// Names what the camera sees.
@MainActor
public final class LiveModel: Screen {
    public private(set) var state = LiveState() {
        didSet { if state != oldValue { changed?(state) } }
    }
    public var changed: ((LiveState) -> Void)?

    private let camera: any Camera
    private let loader: ModelLoader
    private let figures: Figures
    private let say: @MainActor (String) -> Void
    private let clock = ContinuousClock()
    private lazy var frames = FrameClassifier { [weak self] in self?.show($0) }

    private var isOnScreen = false
    private var isAsking = false
    private var permission = CameraPermission.undecided
    private var cameraState = CameraState.off
    /// Why the model does not classify frames any more; nil: it does.
    private var stopped: MobileViTError?
    private var steady = SteadyLabel()
    private var card: ResultCard?
    private var timed: ContinuousClock.Instant?

    // a number that changes ten times a second is not read
    private static let timingPeriod = Duration.seconds(1)

    init(camera: any Camera, loader: ModelLoader, _ surroundings: Surroundings) {
        self.camera = camera
        self.loader = loader
        figures = Figures(locale: surroundings.locale)
        say = surroundings.say
        camera.changed = { [weak self] in self?.cameraIs($0) }
    }

    // MARK: - What a person does

    /// Takes the way out of a problem, where it is one of this screen's.
    public func take(_ wayOut: WayOut) {
        switch wayOut {
        case .reopenCamera: openCamera()
        case .reopenModel:
            stopped = nil
            loader.reopen()
        case .openSettings, .choosePhoto: break
        }
        update()
    }

    // MARK: - What happens to it

    /// It is seen: what failed is tried again.
    func enter() {
        guard !isOnScreen else { return }
        isOnScreen = true
        stopped = nil
        frames.use(loader.state.model)
        openCamera()
        update()
    }

    /// Another tab is seen, or another app: the camera is given back.
    func leave() {
        guard isOnScreen else { return }
        isOnScreen = false
        frames.use(nil)
        camera.stop()
        cameraState = .off
        forgetResult()
        update()
    }

    func modelIs(_ state: ModelLoader.State) {
        forgetResult()
        if let model = state.model {
            stopped = nil
            self.state.cropFraction = model.classifier.bundle.manifest.preprocessing.cropFraction
        }
        frames.use(isOnScreen ? state.model : nil)
        update()
    }

    func selfTestIs(_ notice: Notice?) { state.notice = notice }

    func warmthIs(_ warmth: Warmth) { state.warmth = warmth }

    // MARK: - Camera

    private func openCamera() {
        guard isOnScreen, !isAsking else { return }
        permission = camera.permission
        switch permission {
        case .granted:
            cameraState = .opening
            camera.start(offering: frames)
        case .undecided:
            isAsking = true
            Task {
                await camera.askForPermission()
                isAsking = false
                openCamera()
                update()
            }
        case .denied, .restricted: break
        }
    }

    private func cameraIs(_ state: CameraState) {
        // told by a camera that is given back already
        guard isOnScreen else { return }
        cameraState = state
        // after a pause, what was seen before it is old
        if state != .running { forgetResult() }
        update()
    }

    // MARK: - Results

    private func show(_ outcome: FrameClassifier.Outcome) {
        // closed meanwhile, or left: nobody waits for it any more
        guard isOnScreen, outcome.model.classifier === loader.state.model?.classifier else {
            return
        }
        switch outcome.result {
        case .failure(let error):
            stopped = error
            frames.use(nil)
        case .success(let result):
            state.frame = outcome.frame
            show(result, by: outcome.model)
        }
        update()
    }

    private func show(_ result: Classification, by model: OpenModel) {
        let now = clock.now
        guard let first = result.predictions.first, steady.isShown(first.index, at: now),
            var card = ResultCard(result, by: model, figures)
        else { return }
        if let timed, now - timed < LiveModel.timingPeriod, let shown = self.card {
            card.timing = shown.timing
        } else {
            timed = now
        }
        self.card = card
        if steady.isSaid(at: now) { say(card.spoken) }
    }

    private func forgetResult() {
        card = nil
        timed = nil
        steady = SteadyLabel()
    }

    // MARK: - What is shown

    private func update() { state.scene = scene() }

    private func scene() -> LiveState.Scene {
        // without a model nothing else is worth asking for
        if case .failed(let cause) = loader.state { return .blocked(.modelFailed(cause)) }
        if let stopped { return .blocked(.modelStopped(stopped)) }
        if let problem = Problem.camera(permission) { return .blocked(problem) }
        switch cameraState {
        case .failed(let failure), .interrupted(let failure): return .blocked(.camera(failure))
        case .off, .opening, .running: return card.map { .watching($0) } ?? .starting
        }
    }
}
