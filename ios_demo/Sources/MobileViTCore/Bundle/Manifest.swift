/// `manifest.json` of a bundle (docs/manifest.schema.json), as far as an app needs it; what is not kept
/// here is checked nevertheless. A bundle is written by `mobilevit export`, so there is no encoding.
public struct Manifest: Decodable, Sendable, Equatable {
    /// ISO 8601, UTC.
    public let created: String
    /// Of the mobilevit-sdk that exported it.
    public let sdkVersion: String
    public let model: ModelRecord
    public let preprocessing: Preprocessing
    public let labels: LabelsRecord
    /// Names of the class folders of the data it was trained on; empty where they are not told.
    public let classes: [String]
    public let artifacts: [ArtifactRecord]
    public let golden: [GoldenRecord]
    public let conformance: [ConformanceRecord]
    /// SHA-256 of the file's own bytes with these 64 digits as zeros.
    public let digest: String
}

/// Where the weights came from.
public struct ModelRecord: Decodable, Sendable, Equatable {
    public let name: String
    /// Nil where they are more than an `Int` counts.
    public let parameters: Int?
    /// File name, or name of shipped weights.
    public let checkpoint: String
    /// Nil if it came from memory.
    public let checkpointSha256: String?
}

public enum Interpolation: String, Codable, Sendable, CaseIterable {
    case bilinear, bicubic
}

/// Steps 1 to 3 of preprocessing; step 4, scale, mean and deviation, is in the artifact.
public struct Preprocessing: Decodable, Sendable, Equatable {
    /// Pixels of the crop: height, width.
    public let imageSize: [Int]
    public let cropFraction: Double
    public let interpolation: Interpolation

    public var height: Int { imageSize[0] }
    public var width: Int { imageSize[1] }
}

/// `labels.txt`.
public struct LabelsRecord: Decodable, Sendable, Equatable {
    public let file: String
    public let sha256: String
    public let count: Int
}

/// The input or output of an artifact. A side of -1 is dynamic.
public struct TensorRecord: Decodable, Sendable, Equatable {
    public let name: String
    /// `tensor`, `image` or `dictionary`.
    public let kind: String
    public let shape: [Int]
    /// `float32`, `float16` or `uint8`.
    public let dtype: String
    /// `NCHW`, `NHWC` or `NC`.
    public let layout: String
}

/// Of an artifact's graph; the second follows Apple's principles for its Neural Engine.
public enum GraphLayout: String, Decodable, Sendable, CaseIterable {
    case plain
    case neuralEngine = "neural-engine"
}

/// One exported file; an `.mlpackage` is a folder and counts as one.
public struct ArtifactRecord: Decodable, Sendable, Equatable {
    /// Path in the bundle; of `.mlpackage` a folder.
    public let file: String
    public let format: String
    public let precision: String
    public let layout: GraphLayout
    /// Of a folder, of the list of its files: see "Reading it in your own code" in docs/embedding.md.
    public let sha256: String
    /// Bytes.
    public let size: Int
    public let input: TensorRecord
    public let output: TensorRecord
    public let parity: ParityRecord
    /// One for each runtime and set of photos.
    public let accuracy: [AccuracyRecord]
    /// Of a quantized one.
    public let quantization: QuantizationRecord?
    /// Where it was timed.
    public let sibling: SiblingRecord?
    /// The least version of what opens it, such as `iOS`: `16`.
    public let needs: [String: String]
    /// Converter packages and their versions.
    public let tools: [String: String]

    /// `parity.tolerance.max_abs_difference`: what a probability may differ by.
    public var maxAbsDifference: Double { parity.tolerance.maxAbsDifference }
    /// What tells it from others of its format, such as `fp16` or `fp16, neural-engine`.
    public var variant: String {
        layout == .plain ? precision : "\(precision), \(layout.rawValue)"
    }
}

/// An artifact, reloaded from disk, against the checkpoint in torch and float32.
///
/// Differences are of probabilities. What a broken artifact measures may be NaN or infinite.
public struct ParityRecord: Decodable, Sendable, Equatable {
    public let runtime: String
    public let runtimeVersion: String
    public let imageSource: String
    public let maxAbsDifference: Double
    public let top1Agreement: Double
    /// Over all images and classes; nil where no two outputs differ.
    public let psnrDb: Double?
    /// The one with the largest difference.
    public let worstImage: String
    public let tolerance: ToleranceRecord
}

/// What an artifact of a precision may differ by, and still count as the same model.
public struct ToleranceRecord: Decodable, Sendable, Equatable {
    public let maxAbsDifference: Double
    /// Share of images, at least; one may always differ.
    public let top1Agreement: Double
    /// At least.
    public let psnrDb: Double
}

/// What share of photos an artifact labels rightly, 0...1.
public struct AccuracyRecord: Decodable, Sendable, Equatable {
    public let runtime: String
    public let runtimeVersion: String
    /// The folder of photos.
    public let data: String
    public let top1: Double
    public let top5: Double
    /// ISO 8601, UTC.
    public let measured: String
}

/// The photos whose activations gave a quantized artifact its ranges.
public struct CalibrationRecord: Decodable, Sendable, Equatable {
    /// `packaged photos`, or the name of a folder.
    public let source: String
    /// Of the folder; nil for packaged photos.
    public let sha256: String?
}

/// How an artifact of small integers, or of a palette, was made and what it lost by it.
///
/// Agreement and accuracy are of the calibration photos; nil where they were not measured.
public struct QuantizationRecord: Decodable, Sendable, Equatable {
    /// Nil where only weights are quantized.
    public let calibration: CalibrationRecord?
    /// What was done to keep it accurate, in words.
    public let repairs: [String]
    /// Groups of layers that are not quantized.
    public let keptFloat: [String]
    /// With the first label of the fp32 model.
    public let agreement: Double?
    /// A share, as accuracy is; negative where it gained.
    public let top1Drop: Double?
    /// What it was allowed to lose.
    public let maxDrop: Double
}

/// An artifact timed against the fp32 one of its format, in turns, where it was exported.
public struct SiblingRecord: Decodable, Sendable, Equatable {
    /// The fp32 artifact.
    public let file: String
    public let runtime: String
    public let runtimeVersion: String
    public let machine: String
    /// The time of fp32 over that of this one.
    public let speedup: Double
    /// The 95 % interval.
    public let low: Double
    public let high: Double
    /// In words: it is slower, or less accurate than allowed.
    public let faults: [String]
}

/// An image and the probabilities the reference gave for it.
public struct GoldenRecord: Decodable, Sendable, Equatable {
    public let file: String
    public let sha256: String
    public let probabilities: [Double]
}

/// How far pixels may be from the expected ones, in levels of 0..255, over all channels.
public struct PixelTolerance: Decodable, Sendable, Equatable {
    public let maxDifference: Double
    public let meanDifference: Double
}

/// An image of some kind, and what steps 1 to 3 of preprocessing make of it.
public struct ConformanceRecord: Decodable, Sendable, Equatable {
    public let file: String
    public let sha256: String
    /// A PNG of the crop.
    public let pixels: String
    public let pixelsSha256: String
    /// What of the steps it tests, in words.
    public let tests: String
    /// For clients that resize as Pillow does.
    public let sameKernel: PixelTolerance
    /// For clients with the resize of their platform.
    public let otherKernel: PixelTolerance
}
