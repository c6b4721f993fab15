import Foundation

/// Labels for images, from a bundle: one call at a time, off the main thread.
///
///     let classifier = try await MobileViTClassifier(bundle: folder, runtime: runtime)
///     let result = try await classifier.classify(image, top: 3)
///
/// A run holds one thread of Swift's pool, for the milliseconds that it takes. With Core ML it is made
/// and fed more simply: see MobileViTKit.
public actor MobileViTClassifier {
    public nonisolated let bundle: ModelBundle
    public nonisolated let artifact: ArtifactRecord
    /// What really runs it, in the runtime's words.
    public nonisolated let delegate: String
    public nonisolated let loadNs: Int
    /// Why it does not run by the delegate that was asked for; nil: it does.
    public nonisolated let refusal: String?

    private let classifier: ImageClassifier

    /// - Parameters:
    ///   - folder: of a bundle.
    ///   - artifact: its file name; nil: the one the runtime prefers.
    ///   - delegate: one of the runtime's; nil: its first.
    ///   - fallback: whether the runtime's other delegates are tried, in order, where `delegate`
    ///     is refused; `refusal` then tells.
    /// - Throws: `MobileViTError`: no bundle, not as it was exported, or not opened by the runtime.
    ///   `CancellationError`.
    public init(
        bundle folder: URL, runtime: any InferenceRuntime, artifact: String? = nil,
        threads: Int = 1,
        delegate: String? = nil, fallback: Bool = true
    ) async throws {
        try await self.init(
            ModelBundle(folder: folder), runtime: runtime, artifact: artifact, threads: threads,
            delegate: delegate, fallback: fallback)
    }

    /// The same of a bundle that was read.
    public init(
        _ bundle: ModelBundle, runtime: any InferenceRuntime, artifact: String? = nil,
        threads: Int = 1, delegate: String? = nil, fallback: Bool = true
    ) async throws {
        let asked = delegate.map { [$0] } ?? Array(runtime.delegates.prefix(1))
        let others = fallback ? runtime.delegates.filter { !asked.contains($0) } : []
        let opened = try await openFirst(
            of: asked + others, bundle, runtime: runtime, artifact: artifact, threads: threads)
        self.bundle = bundle
        self.artifact = opened.classifier.artifact
        self.delegate = opened.classifier.delegate
        loadNs = opened.classifier.loadNs
        refusal = opened.refusal
        classifier = opened.classifier
    }

    /// The `top` most probable labels of an upright image.
    ///
    /// - Throws: `MobileViTError`; `CancellationError` where the task was cancelled before its turn.
    public func classify(_ image: RGBImage, top: Int = 5) throws -> Classification {
        try Task.checkCancellation()
        return try classifier.classify(image, top: top)
    }

    /// Whether this device computes what the training computed.
    ///
    /// - Parameter decode: the bytes of an image file, made an upright image.
    /// - Throws: `MobileViTError`; `CancellationError` where the task is cancelled, between two images.
    public func selfTest(decode: @Sendable (Data) throws -> RGBImage) throws -> SelfTestResult {
        try MobileViTCore.selfTest(classifier, decode: decode)
    }
}

private struct Opened {
    let classifier: ImageClassifier
    let refusal: String?
}

/// - Throws: what the first delegate was refused for, where all were.
private func openFirst(
    of delegates: [String], _ bundle: ModelBundle, runtime: any InferenceRuntime, artifact: String?,
    threads: Int
) async throws -> sending Opened {
    var refusal: MobileViTError?
    for delegate in delegates {
        do {
            let classifier = try await ImageClassifier.open(
                bundle, runtime: runtime, artifact: artifact, threads: threads, delegate: delegate)
            return Opened(classifier: classifier, refusal: refusal?.message)
        } catch let error as MobileViTError where error.kind == .refused {
            refusal = refusal ?? error
        }
    }
    throw refusal
        ?? MobileViTError(.refused, "\(runtime.name) has nothing here that runs an artifact")
}
