import Foundation
import MobileViTCore

/// Names what is in a photo that was picked here, or that another app hands over.
///
///     empty ─▶ looking ─▶ named, failed ─▶ looking
@MainActor
public final class PhotoModel: Screen {
    public private(set) var state = PhotoState() {
        didSet { if state != oldValue { changed?(state) } }
    }
    public var changed: ((PhotoState) -> Void)?

    private let loader: ModelLoader
    private let decode: @Sendable (Data) throws -> RGBImage
    private let figures: Figures
    private let say: @MainActor (String) -> Void

    /// A copy of the chosen photo, which is this model's to remove.
    private var file: URL?
    private var isOnScreen = false
    /// What is done for the photo; what was done for the one before is not shown.
    private var work: Task<Void, Never>?

    /// Labels that are looked for in a photo.
    static let top = 5

    init(loader: ModelLoader, _ surroundings: Surroundings) {
        self.loader = loader
        decode = surroundings.decode
        figures = Figures(locale: surroundings.locale)
        say = surroundings.say
    }

    // MARK: - What a person does

    /// Names what is in a photo.
    ///
    /// - Parameter fetch: gives a copy of the photo as a file, which is removed later; nil where there
    ///   is no image to be had. It may take long: from a cloud, say.
    public func look(fetching fetch: @escaping @MainActor () async throws -> URL?) {
        discard()
        state = PhotoState(scene: .looking)
        work = Task {
            do {
                let fetched = try await fetch()
                // another one was chosen meanwhile
                if Task.isCancelled { return remove(fetched) }
                guard let fetched else { throw notAnImage }
                file = fetched
                proceed()
            } catch {
                if !Task.isCancelled { fail(.photoFailed(notHandedOver(error))) }
            }
        }
    }

    /// Takes the way out of a problem, where it is one of this screen's: opens the model anew, and
    /// the photo then goes through it.
    public func take(_ wayOut: WayOut) {
        guard wayOut == .reopenModel, file != nil else { return }
        work?.cancel()
        state.scene = .looking
        loader.reopen()
    }

    // MARK: - What happens to it

    /// It is seen: what was interrupted starts over.
    func enter() {
        isOnScreen = true
        proceed()
    }

    /// Another tab is seen, or another app: a phone may refuse to compute then.
    func leave() {
        isOnScreen = false
        // what is being fetched is no computing, and goes on
        if file != nil { work?.cancel() }
    }

    /// A model that was closed in the middle of it comes back, and the photo starts over.
    func modelIs(_ state: ModelLoader.State) {
        if file != nil { proceed() }
    }

    // MARK: - The way of a photo

    private func proceed() {
        guard let file, isOnScreen, state.scene == .looking else { return }
        switch loader.state {
        case .closed: loader.open()
        case .opening: work?.cancel()
        case .failed(let cause): fail(.modelFailed(cause))
        case .ready(let model):
            work?.cancel()
            work = Task { await name(file, by: model) }
        }
    }

    private func name(_ file: URL, by model: OpenModel) async {
        do {
            let photo = try await Photo.read(file, decode: decode)
            if Task.isCancelled { return }
            state.picture = photo.shown
            try await show(
                model.classifier.classify(photo.image, top: PhotoModel.top), by: model)
        } catch {
            if Task.isCancelled { return }
            let cause = told(error)
            fail(cause.kind == .image ? .photoFailed(cause) : .modelStopped(cause))
        }
    }

    private func show(_ result: Classification, by model: OpenModel) throws {
        if Task.isCancelled { return }
        guard let card = ResultCard(result, by: model, figures) else {
            throw MobileViTError(.refused, "the model gives no label")
        }
        state.scene = .named(card)
        say(card.spoken)
    }

    private func fail(_ problem: Problem) {
        state.scene = .failed(problem)
        say("\(problem.title). \(problem.text)")
    }

    private func discard() {
        work?.cancel()
        work = nil
        remove(file)
        file = nil
    }

    private func remove(_ file: URL?) {
        // a copy in a temporary folder, which the system empties besides
        if let file { try? FileManager.default.removeItem(at: file) }
    }
}

private let notAnImage = MobileViTError(
    .image, "what was chosen is no image", hint: "choose a photo")

/// What the system says of a photo that it does not give.
private func notHandedOver(_ error: any Error) -> MobileViTError {
    error as? MobileViTError
        ?? MobileViTError(
            .image, "the photo is not handed over: \(error.localizedDescription)",
            hint: "choose another one; one that lies in a cloud needs a connection")
}
