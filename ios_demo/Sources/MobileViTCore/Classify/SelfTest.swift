import Foundation

/// One golden image, as this device computes it.
public struct GoldenOutcome: Sendable, Equatable {
    public let file: String
    /// The most probable here.
    public let label: String
    /// The one that the reference gave.
    public let expected: String
    /// Whether these are the same, or the reference has both within the tolerance.
    public let sameLabel: Bool
    /// The largest of a probability; NaN where one is not a number.
    public let maxDifference: Double

    public init(
        file: String, label: String, expected: String, sameLabel: Bool, maxDifference: Double
    ) {
        self.file = file
        self.label = label
        self.expected = expected
        self.sameLabel = sameLabel
        self.maxDifference = maxDifference
    }
}

/// Whether this device computes what the training computed.
public struct SelfTestResult: Sendable, Equatable {
    public let golden: [GoldenOutcome]
    /// What a probability may differ by.
    public let allowed: Double
    /// Images whose pixels are not the expected ones, with the reason; empty where all are.
    public let wrongPixels: [String]
    /// How many images of the conformance set were compared.
    public let conformance: Int

    public init(
        golden: [GoldenOutcome], allowed: Double, wrongPixels: [String], conformance: Int
    ) {
        self.golden = golden
        self.allowed = allowed
        self.wrongPixels = wrongPixels
        self.conformance = conformance
    }

    /// Of all golden images; NaN where one of them has it.
    public var maxDifference: Double { largest(golden.map(\.maxDifference)) }

    /// No golden image is no proof.
    public var passed: Bool {
        !golden.isEmpty && wrongPixels.isEmpty && golden.allSatisfy(\.sameLabel)
            && maxDifference <= allowed
    }

    /// What failed, in words; empty where nothing did.
    public var faults: [String] {
        (golden.isEmpty ? ["the bundle has no golden image"] : [])
            + wrongPixels + golden.flatMap(faults(of:))
    }

    private func faults(of outcome: GoldenOutcome) -> [String] {
        var found: [String] = []
        if !outcome.sameLabel {
            found.append("`\(outcome.file)` is taken for \(outcome.label), not \(outcome.expected)")
        }
        if !(outcome.maxDifference <= allowed) {
            let difference = twoDigits(outcome.maxDifference)
            found.append(
                "`\(outcome.file)`: a probability differs by \(difference), and may by \(allowed)")
        }
        return found
    }
}

/// Runs the golden images and the preprocessing conformance set of the classifier's bundle.
///
/// Pixels are held to the bounds for Pillow's own resampling, which this library has; those leave room
/// for another JPEG decoder, and none where a file is lossless.
///
/// - Parameter decode: the bytes of an image file, made an upright image.
/// - Throws: `MobileViTError` of kind `bundle`: an image is not as it was exported; of kind `image`: a
///   golden image cannot be decoded; of kind `refused`: the runtime fails. `CancellationError`, between
///   two images.
public func selfTest(
    _ classifier: ImageClassifier, decode: (Data) throws -> RGBImage
) throws -> SelfTestResult {
    let manifest = classifier.bundle.manifest
    let resizer = CropResizer(manifest.preprocessing)
    return SelfTestResult(
        golden: try manifest.golden.map {
            try Task.checkCancellation()
            return try outcome(of: $0, classifier, resizer, decode)
        },
        allowed: classifier.artifact.maxAbsDifference,
        wrongPixels: try manifest.conformance.compactMap {
            try Task.checkCancellation()
            return try pixelFault(of: $0, classifier.bundle, resizer, decode)
        },
        conformance: manifest.conformance.count)
}

private func outcome(
    of record: GoldenRecord, _ classifier: ImageClassifier, _ resizer: CropResizer,
    _ decode: (Data) throws -> RGBImage
) throws -> GoldenOutcome {
    let bundle = classifier.bundle
    let image = try decode(bundle.read(record.file, sha256: record.sha256))
    let given = try classifier.probabilities(of: resizer.crop(image))
    let expected = record.probabilities
    guard let top = topK(given, count: 1).first,
        let expectedTop = topK(expected.map { Float($0) }, count: 1).first
    else {
        throw MobileViTError(.bundle, "`\(record.file)` has no probabilities")
    }
    return GoldenOutcome(
        file: record.file, label: bundle.labels[top], expected: bundle.labels[expectedTop],
        sameLabel: top == expectedTop
            || expected[expectedTop] - expected[top] <= classifier.artifact.maxAbsDifference,
        maxDifference: largest(zip(given, expected).map { abs(Double($0) - $1) }))
}

/// Why the pixels are not the expected ones; nil: they are.
private func pixelFault(
    of record: ConformanceRecord, _ bundle: ModelBundle, _ resizer: CropResizer,
    _ decode: (Data) throws -> RGBImage
) throws -> String? {
    let expected = try decode(bundle.read(record.pixels, sha256: record.pixelsSha256)).pixels
    let file = try bundle.read(record.file, sha256: record.sha256)
    let pixels: [UInt8]
    do {
        pixels = try resizer.crop(decode(file))
    } catch let error as MobileViTError where error.kind == .image {
        return "\(record.tests): \(error.message)"
    }
    guard pixels.count == expected.count else {
        return "\(record.tests): \(pixels.count) bytes, expected \(expected.count)"
    }
    var (largest, total) = (0, 0)
    for (given, right) in zip(pixels, expected) {
        let difference = abs(Int(given) - Int(right))
        largest = max(largest, difference)
        total += difference
    }
    let mean = Double(total) / Double(pixels.count)
    let allowed = record.sameKernel
    if Double(largest) <= allowed.maxDifference, mean <= allowed.meanDifference { return nil }
    return "\(record.tests): pixels differ by \(twoDigits(mean)) levels on average, "
        + "\(largest) at most"
}

/// NaN where one of them is, and of none 0; `max` would pass over it.
private func largest(_ differences: [Double]) -> Double {
    differences.reduce(0) { $0.isNaN || $1.isNaN ? .nan : max($0, $1) }
}

private func twoDigits(_ value: Double) -> String { String(format: "%.2g", value) }
