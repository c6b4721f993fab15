#if canImport(CoreML)
import CoreML
import Foundation
import MobileViTCore

/// A compiled model, loaded. What it is fed lies in memory that was made once, as was the provider that
/// hands it to Core ML.
final class CoreMLPredictor: Predictor {
    let inputs: [TensorSpec]
    let outputs: [TensorSpec]
    let delegate: String

    private let model: MLModel
    private let memory: [any ModelInput]  // in the order of `inputs`
    private let provider: MLDictionaryFeatureProvider
    private var isFed = false
    private var results: [String: MLFeatureValue] = [:]

    /// - Parameters:
    ///   - name: of the artifact, in messages.
    ///   - delegate: what Core ML may use; which of it runs an operation it decides for itself.
    /// - Throws: `MobileViTError` of kind `refused`: inputs or outputs that are not known here.
    init(_ model: MLModel, name: String, delegate: String) throws {
        do {
            let interface = try ModelInterface(model.modelDescription)
            let images = model.modelDescription.inputDescriptionsByName.filter {
                $0.value.type == .image
            }
            memory = try interface.inputs.map { input -> any ModelInput in
                guard images[input.name] != nil else { return try ArrayInput(input) }
                return try ImageInput(width: input.shape[2], height: input.shape[1])
            }
            let values = zip(interface.inputs, memory).map { ($0.name, $1.value) }
            provider = try MLDictionaryFeatureProvider(
                dictionary: Dictionary(uniqueKeysWithValues: values))
            inputs = interface.inputs
            outputs = interface.outputs
        } catch {
            throw refusal("Core ML does not take the inputs of `\(name)`", error)
        }
        self.model = model
        self.delegate = delegate
    }

    func feed(_ arrays: [String: Data]) throws {
        if let unknown = arrays.keys.sorted().first(where: { name in
            !inputs.contains { $0.name == name }
        }) {
            throw MobileViTError(.input, "there is no input `\(unknown)`")
        }
        for input in inputs {
            guard let bytes = arrays[input.name] else {
                throw MobileViTError(.input, "input `\(input.name)` was not fed")
            }
            let count = input.shape.reduce(input.dtype.bytes, *)
            guard bytes.count == count else {
                throw MobileViTError(
                    .input, "input \(input) is fed \(bytes.count) bytes, and takes \(count)")
            }
        }
        for (input, memory) in zip(inputs, memory) {
            if let bytes = arrays[input.name] { try memory.write(bytes) }
        }
        isFed = true
        results = [:]
    }

    func run() throws {
        guard isFed else { throw MobileViTError(.input, "nothing was fed to the artifact") }
        do {
            // a task that runs it again and again would else gather what Core ML autoreleases
            results = try autoreleasepool {
                let given = try model.prediction(from: provider)
                return outputs.reduce(into: [:]) { results, output in
                    results[output.name] = given.featureValue(for: output.name)
                }
            }
        } catch {
            throw refusal("Core ML does not run the artifact", error)
        }
    }

    func output(_ name: String) throws -> Output {
        guard outputs.contains(where: { $0.name == name }) else {
            throw MobileViTError(
                .input, "there is no output `\(name)`",
                hint: "there is \(outputs.map(\.name).joined(separator: ", "))")
        }
        guard let value = results[name] else {
            throw MobileViTError(.input, "the artifact was not run yet")
        }
        if let array = value.multiArrayValue {
            // by index, as an array may have gaps between its rows
            return .values((0..<array.count).map { array[$0].floatValue })
        }
        return .byLabel(
            value.dictionaryValue.reduce(into: [:]) { probabilities, entry in
                if let label = entry.key.base as? String {
                    probabilities[label] = entry.value.doubleValue
                }
            })
    }
}
#endif
