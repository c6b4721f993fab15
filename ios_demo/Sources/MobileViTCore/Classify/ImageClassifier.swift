import Foundation

/// One artifact of a bundle, loaded. Belongs to one task at a time: `MobileViTClassifier` is the actor
/// around it.
public final class ImageClassifier {
    public let bundle: ModelBundle
    public let artifact: ArtifactRecord
    /// From asking the runtime until it was ready; what a first start compiles is in it.
    public let loadNs: Int

    private let predictor: any Predictor
    private let resizer: CropResizer
    private var feed: InputFeed

    private init(
        _ bundle: ModelBundle, artifact: ArtifactRecord, feed: InputFeed, loadNs: Int,
        predictor: any Predictor
    ) {
        self.bundle = bundle
        self.artifact = artifact
        self.feed = feed
        self.loadNs = loadNs
        self.predictor = predictor
        resizer = CropResizer(bundle.manifest.preprocessing)
    }

    /// - Parameters:
    ///   - artifact: its file name; nil: the one the runtime prefers (for Core ML fp16, for ONNX Runtime
    ///     fp32).
    ///   - delegate: one of the runtime's; nil: its first.
    /// - Throws: `MobileViTError`: the artifact is not as exported, not what the manifest tells, or the
    ///   runtime does not open it. `CancellationError`.
    public static func open(
        _ bundle: ModelBundle, runtime: any InferenceRuntime, artifact: String? = nil,
        threads: Int = 1, delegate: String? = nil
    ) async throws -> sending ImageClassifier {
        let record = try chooseArtifact(of: bundle, for: runtime, named: artifact)
        let feed = try InputFeed(
            record.input, of: record.file, crop: bundle.manifest.preprocessing)
        guard let delegate = delegate ?? runtime.delegates.first else {
            throw MobileViTError(.refused, "\(runtime.name) has nothing here that runs an artifact")
        }
        let file = try bundle.check(record)
        let start = ContinuousClock.now
        let predictor = try await runtime.load(
            file, sha256: record.sha256, threads: threads, delegate: delegate)
        let loadNs = nanoseconds(from: start, to: .now)
        try checkInterface(predictor, of: record, classes: bundle.labels.count)
        return ImageClassifier(
            bundle, artifact: record, feed: feed, loadNs: loadNs, predictor: predictor)
    }

    /// What really runs it, in the runtime's words.
    public var delegate: String { predictor.delegate }

    /// One probability for each label.
    ///
    /// - Parameter pixels: uint8 `height * width * 3`, RGB, as `CropResizer` gives them.
    /// - Throws: `MobileViTError` of kind `input`: they are of another size; of kind `refused`: the
    ///   runtime fails.
    public func probabilities(of pixels: [UInt8]) throws -> [Float] {
        guard pixels.count == resizer.byteCount else {
            throw MobileViTError(
                .input,
                "there are \(pixels.count) bytes of pixels, and should be \(resizer.byteCount)",
                hint: "make them with CropResizer")
        }
        try fill(pixels)
        return try run()
    }

    /// The `top` most probable labels of an upright image.
    ///
    /// - Throws: `MobileViTError` of kind `input`: `top` is below 1; of kind `image`: the image is too
    ///   narrow to be resized; of kind `refused`: the runtime fails.
    public func classify(_ image: RGBImage, top: Int = 5) throws -> Classification {
        guard top > 0 else {
            throw MobileViTError(
                .input, "the \(top) most probable labels cannot be told",
                hint: "ask for one or more")
        }
        let start = ContinuousClock.now
        try fill(resizer.crop(image))
        let prepared = ContinuousClock.now
        let probabilities = try run()
        let end = ContinuousClock.now
        return Classification(
            predictions: topK(probabilities, count: top).map {
                Prediction(index: $0, label: bundle.labels[$0], probability: probabilities[$0])
            },
            preprocessNs: nanoseconds(from: start, to: prepared),
            inferenceNs: nanoseconds(from: prepared, to: end))
    }

    private func fill(_ pixels: [UInt8]) throws {
        feed.fill(pixels)
        try predictor.feed([artifact.input.name: feed.bytes])
    }

    private func run() throws -> [Float] {
        try predictor.run()
        switch try predictor.output(artifact.output.name) {
        case .values(let values):
            guard values.count == bundle.labels.count else {
                throw MobileViTError(
                    .bundle,
                    "`\(artifact.file)` gives \(values.count) probabilities, for "
                        + "\(bundle.labels.count) labels",
                    hint: "export the bundle again")
            }
            return values
        case .byLabel(let probabilities):
            return try bundle.labels.map { label in
                guard let probability = probabilities[label] else {
                    throw MobileViTError(
                        .bundle, "`\(artifact.file)` gives no probability for `\(label)`",
                        hint: "export the bundle again")
                }
                return Float(probability)
            }
        }
    }
}

/// - Throws: `MobileViTError` of kind `bundle`: input or output is not what the manifest tells.
private func checkInterface(
    _ predictor: any Predictor, of artifact: ArtifactRecord, classes: Int
) throws {
    try check("input", predictor.inputs, against: artifact.input, of: artifact)
    try check("output", predictor.outputs, against: artifact.output, of: artifact)
    for output in predictor.outputs
    where Array(output.shape.dropFirst()) != [classes] || output.dtype != .float32 {
        throw MobileViTError(
            .bundle, "`\(artifact.file)`: output is \(output), for \(classes) labels")
    }
}

private func check(
    _ end: String, _ found: [TensorSpec], against told: TensorRecord, of artifact: ArtifactRecord
) throws {
    let expected = DType(rawValue: told.dtype).map {
        TensorSpec(name: told.name, shape: told.shape, dtype: $0)
    }
    guard let expected, found == [expected] else {
        let words = found.map(\.description).joined(separator: ", ")
        throw MobileViTError(
            .bundle,
            "`\(artifact.file)`: \(end) is \(words), "
                + "the manifest says \(told.name) \(told.dtype) \(told.shape)",
            hint: "export the bundle again")
    }
}

private func nanoseconds(
    from start: ContinuousClock.Instant, to end: ContinuousClock.Instant
) -> Int {
    let (seconds, attoseconds) = (end - start).components
    return Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
}
