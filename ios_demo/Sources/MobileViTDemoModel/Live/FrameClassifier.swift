import Foundation
import MobileViTCore

/// Classifies the newest frame, one at a time; the others pass by.
///
/// `offer` belongs to the camera's queue, the rest to whoever calls it.
public final class FrameClassifier: @unchecked Sendable {
    /// Labels that are looked for in a frame.
    static let top = 3
    // ten labels a second are as many as anyone reads, and the phone stays cooler
    static let period = Duration.milliseconds(100)

    /// A frame that was classified, or why it was not.
    struct Outcome: Sendable {
        let model: OpenModel
        /// Nil where it was not read.
        let frame: PixelSize?
        let result: Result<Classification, MobileViTError>
    }

    // `@unchecked`: what changes is read and written under the lock only, but for the image, which
    // belongs to whoever made `isBusy` true; all else is constant
    private let lock = NSLock()
    private var model: OpenModel?
    private var isBusy = false
    private var last: ContinuousClock.Instant?
    private var image: RGBImage?

    private let tell: @MainActor @Sendable (Outcome) -> Void

    /// - Parameter tell: is given each outcome; the next frame is looked at after it.
    init(tell: @escaping @MainActor @Sendable (Outcome) -> Void) {
        self.tell = tell
    }

    /// Has frames classified by this; nil: they pass by.
    func use(_ model: OpenModel?) {
        lock.withLock { self.model = model }
    }

    /// - Parameter read: makes an upright image of the frame, in the memory of the one before where it
    ///   can; called before this returns where the frame is looked at, else never.
    public func offer(_ read: (inout RGBImage?) throws -> Void) {
        guard let model = take(at: .now) else { return }
        let wasRead = Result { try read(&image) }
        Task(priority: .userInitiated) {
            let result = await classify(wasRead, by: model)
            await tell(result)
            lock.withLock { isBusy = false }
        }
    }

    /// The model for a frame that comes now; nil: the frame passes by.
    private func take(at now: ContinuousClock.Instant) -> OpenModel? {
        lock.withLock {
            guard let model, !isBusy else { return nil }
            if let last, now - last < FrameClassifier.period { return nil }
            last = now
            isBusy = true
            return model
        }
    }

    private func classify(_ wasRead: Result<Void, any Error>, by model: OpenModel) async -> Outcome
    {
        var frame: PixelSize?
        do {
            try wasRead.get()
            guard let image else { throw MobileViTError(.image, "the camera gave no picture") }
            frame = PixelSize(width: image.width, height: image.height)
            let result = try await model.classifier.classify(image, top: FrameClassifier.top)
            return Outcome(model: model, frame: frame, result: .success(result))
        } catch {
            return Outcome(model: model, frame: frame, result: .failure(told(error)))
        }
    }
}
