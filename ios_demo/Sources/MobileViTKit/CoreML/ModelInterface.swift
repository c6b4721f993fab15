#if canImport(CoreML)
import CoreML
import CoreVideo
import Foundation
import MobileViTCore

/// What a Core ML model says of its inputs and outputs, as `read_interface` of
/// mobilevit/runtimes/coreml.py has it: an image is uint8 `(1, height, width, 3)`, the dictionary of a
/// classifier's probabilities float32 `(1, labels)`; the label that it adds is left out.
struct ModelInterface {
    let inputs: [TensorSpec]
    let outputs: [TensorSpec]

    /// - Throws: `MobileViTError` of kind `refused`: one of them is neither an array, nor a colour image,
    ///   nor a classifier's label and probabilities.
    init(_ description: MLModelDescription) throws {
        inputs = try byName(description.inputDescriptionsByName).map { try Self.input($0) }
        let labels = Self.labelCount(description)
        outputs = try byName(description.outputDescriptionsByName)
            .filter { $0.name != description.predictedFeatureName }
            .map { try Self.output($0, labels: labels) }
    }

    /// Of a classifier; nil: it is none. A neural network has them in its specification; those of an ML
    /// Program are in an operation, and that Core ML tells those too is documented nowhere: where it does
    /// not, they are counted as the exporter wrote them into the metadata.
    private static func labelCount(_ description: MLModelDescription) -> Int? {
        if let labels = description.classLabels, !labels.isEmpty { return labels.count }
        let metadata = description.metadata[.creatorDefinedKey] as? [String: String]
        guard let labels = metadata?["labels"] else { return nil }
        // what is no list is not the exporter's, and its model is refused as one without labels
        return try? JSONDecoder().decode([String].self, from: Data(labels.utf8)).count
    }

    private static func input(_ feature: MLFeatureDescription) throws -> TensorSpec {
        if let image = feature.imageConstraint {
            guard
                image.pixelFormatType == kCVPixelFormatType_32BGRA
                    || image.pixelFormatType == kCVPixelFormatType_32ARGB
            else {
                throw MobileViTError(.refused, "input `\(feature.name)` is no image of colours")
            }
            return TensorSpec(
                name: feature.name, shape: [1, image.pixelsHigh, image.pixelsWide, 3], dtype: .uint8
            )
        }
        return try array(feature)
    }

    private static func output(
        _ feature: MLFeatureDescription, labels: Int?
    ) throws -> TensorSpec {
        if feature.type == .dictionary, let labels {
            return TensorSpec(name: feature.name, shape: [1, labels], dtype: .float32)
        }
        return try array(feature)
    }

    private static func array(_ feature: MLFeatureDescription) throws -> TensorSpec {
        guard let array = feature.multiArrayConstraint else {
            throw MobileViTError(
                .refused,
                "`\(feature.name)` is neither an array nor a colour image, nor a "
                    + "classifier's probabilities")
        }
        guard let dtype = DType(array.dataType) else {
            throw MobileViTError(
                .refused,
                "`\(feature.name)` has elements of type \(array.dataType.rawValue), "
                    + "which is not known")
        }
        return TensorSpec(name: feature.name, shape: array.shape.map(\.intValue), dtype: dtype)
    }
}

private func byName(_ features: [String: MLFeatureDescription]) -> [MLFeatureDescription] {
    features.sorted { $0.key < $1.key }.map(\.value)
}

extension DType {
    /// Nil for what later systems add.
    init?(_ type: MLMultiArrayDataType) {
        switch type {
        case .float16: self = .float16
        case .float32: self = .float32
        case .double: self = .float64
        case .int32: self = .int32
        default: return nil
        }
    }

    /// Nil for what Core ML has no arrays of.
    var multiArray: MLMultiArrayDataType? {
        switch self {
        case .float16: .float16
        case .float32: .float32
        case .float64: .double
        case .int32: .int32
        case .uint8, .int8, .int64: nil
        }
    }
}
#endif
