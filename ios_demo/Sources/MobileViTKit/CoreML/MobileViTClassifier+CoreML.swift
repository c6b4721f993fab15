#if canImport(CoreML)
import CoreGraphics
import CoreML
import CoreVideo
import Foundation
import ImageIO
import MobileViTCore

extension MobileViTClassifier {
    /// On Core ML, of a bundle in a folder.
    ///
    /// The first time, the model is compiled, for the Neural Engine too, which may take many seconds;
    /// what is compiled is kept: see `CoreMLRuntime`.
    ///
    /// - Parameters:
    ///   - folder: of the bundle.
    ///   - computeUnits: what Core ML may use; which of it runs an operation it decides for itself.
    ///   - artifact: a file name; nil: the bundle's fp16 `.mlpackage`, else fp32.
    ///   - fallback: whether other compute units are tried where Core ML refuses to load the model for
    ///     these; `refusal` then tells.
    /// - Throws: `MobileViTError`: no bundle, not as it was exported, or refused by Core ML.
    ///   `CancellationError`.
    public init(
        bundle folder: URL, computeUnits: MLComputeUnits = .all, artifact: String? = nil,
        fallback: Bool = true
    ) async throws {
        guard let delegate = computeUnits.delegate else {
            throw MobileViTError(
                .input, "compute units \(computeUnits.rawValue) are not known to this version",
                hint: "choose others")
        }
        let bundle = try ModelBundle(folder: folder)
        try await self.init(
            bundle, runtime: CoreMLRuntime(for: bundle), artifact: artifact, delegate: delegate,
            fallback: fallback)
    }

    /// On Core ML, of the folder that `mobilevit embed` puts into an app.
    ///
    ///     let classifier = try await MobileViTClassifier(in: .main)
    ///
    /// - Parameters:
    ///   - app: the bundle of an app, or `.module` in a Swift package.
    ///   - resource: name of the folder.
    public init(
        in app: Bundle, resource: String = "MobileViT.bundle", computeUnits: MLComputeUnits = .all,
        artifact: String? = nil, fallback: Bool = true
    ) async throws {
        guard let folder = app.url(forResource: resource, withExtension: nil) else {
            throw MobileViTError(
                .bundle, "the app has no `\(resource)`",
                hint: "put a bundle into the app with `mobilevit embed BUNDLE APP_DIR`")
        }
        try await self.init(
            bundle: folder, computeUnits: computeUnits, artifact: artifact, fallback: fallback)
    }

    /// The `top` most probable labels of an image, whose pixels are read off the caller's actor.
    ///
    /// - Parameter orientation: how it is to be turned; a `CGImage` does not know.
    /// - Throws: `MobileViTError`; `CancellationError` where the task was cancelled before its turn.
    public func classify(
        _ image: CGImage, orientation: CGImagePropertyOrientation = .up, top: Int = 5,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> Classification {
        try await classify(ImmutableImage(image: image), orientation: orientation, top: top)
    }

    /// The `top` most probable labels of a camera's frame.
    ///
    /// Its pixels are copied on the caller's actor, before this waits for its turn: a camera uses its
    /// buffers again.
    ///
    /// - Parameters:
    ///   - frame: of `32BGRA`, `420f` or `420v`.
    ///   - orientation: how it is to be turned; a buffer does not know.
    /// - Throws: `MobileViTError`; `CancellationError` where the task was cancelled before its turn.
    public func classify(
        _ frame: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up, top: Int = 5,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> Classification {
        try Task.checkCancellation()
        return try await classify(RGBImage(frame, orientation: orientation), top: top)
    }

    private func classify(
        _ image: ImmutableImage, orientation: CGImagePropertyOrientation, top: Int
    ) throws -> Classification {
        try Task.checkCancellation()
        return try classify(RGBImage(image.image, orientation: orientation), top: top)
    }

    /// Whether this device computes what the training computed, with Image I/O's decoders.
    ///
    /// - Throws: `MobileViTError`; `CancellationError` where the task is cancelled, between two images.
    public func selfTest() throws -> SelfTestResult {
        try selfTest { try decodeImage($0) }
    }
}

/// Sendable: an image of Core Graphics never changes once it was made, and may be read on any thread;
/// not every SDK says so.
private struct ImmutableImage: @unchecked Sendable {
    let image: CGImage
}
#endif
