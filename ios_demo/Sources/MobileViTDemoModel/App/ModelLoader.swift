import MobileViTCore

/// A classifier, and what runs it.
struct OpenModel: Sendable {
    let classifier: MobileViTClassifier
    let runtime: any InferenceRuntime
}

/// The one classifier of the app, which every screen shares.
///
///     closed ─▶ opening ─▶ ready
///        ▲         └─────▶ failed ─▶ opening
@MainActor
final class ModelLoader {
    enum State {
        case closed
        case opening
        case ready(OpenModel)
        case failed(MobileViTError)

        /// Nil until it is ready.
        var model: OpenModel? {
            if case .ready(let model) = self { model } else { nil }
        }
    }

    private(set) var state = State.closed {
        didSet { changed?(state) }
    }
    /// Called with each new state.
    var changed: ((State) -> Void)?

    private let start: @Sendable () async throws -> OpenModel
    private var opening: Task<Void, Never>?

    /// - Parameter start: opens the classifier.
    init(start: @escaping @Sendable () async throws -> OpenModel) {
        self.start = start
    }

    /// Opens the classifier, unless it is open or about to be. After a failure it tries again.
    func open() {
        switch state {
        case .opening, .ready: return
        case .closed, .failed: break
        }
        state = .opening
        opening = Task { [start] in
            let opened: State
            do {
                opened = .ready(try await start())
            } catch {
                opened = .failed(told(error))
            }
            // closed meanwhile: nobody waits for it any more
            if !Task.isCancelled { state = opened }
        }
    }

    /// Lets go of the model; what still runs on it ends, and its memory is free.
    func close() {
        opening?.cancel()
        opening = nil
        if case .closed = state { return }
        state = .closed
    }

    func reopen() {
        close()
        open()
    }
}
