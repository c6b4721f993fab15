import Foundation
import MobileViTCore

/// An `.onnx` file, opened. Its tensors are made once, and again where the batch is another.
final class OnnxPredictor: Predictor {
    let delegate = "CPUExecutionProvider"
    private let session: OnnxSession
    // in the order of `inputs` and `outputs`
    private var fed: [OnnxTensor] = []
    private var results: [OnnxTensor] = []
    private var hasRun = false

    init(_ artifact: URL, threads: Int32, environment: OnnxEnvironment) throws {
        session = try OnnxSession(artifact, threads: threads, environment: environment)
        let isDynamic = { (spec: TensorSpec) in spec.shape.first == -1 }
        guard
            session.inputs.contains(where: isDynamic) || !session.outputs.contains(where: isDynamic)
        else {
            throw MobileViTError(
                .refused,
                "`\(artifact.lastPathComponent)` has outputs of any batch, and no such input")
        }
    }

    var inputs: [TensorSpec] { session.inputs }
    var outputs: [TensorSpec] { session.outputs }

    func feed(_ arrays: [String: Data]) throws {
        if let unknown = arrays.keys.sorted().first(where: { name in
            !inputs.contains { $0.name == name }
        }) {
            throw MobileViTError(.input, "there is no input `\(unknown)`")
        }
        // all is made before anything is changed: what was fed before stays where this throws
        let shapes = try inputs.map { try shape(of: $0, fed: arrays[$0.name]) }
        let tensors = try zip(inputs, shapes).enumerated().map { index, input in
            try tensor(
                input.0, shape: input.1, before: fed.indices.contains(index) ? fed[index] : nil)
        }
        let batch = zip(inputs, shapes).first { $0.0.shape.first == -1 }?.1.first
        let pinned = try outputs.enumerated().map { index, output in
            let shape = resolved(output.shape, batch: batch)
            return try tensor(
                output, shape: shape, before: results.indices.contains(index) ? results[index] : nil
            )
        }
        for (input, tensor) in zip(inputs, tensors) {
            arrays[input.name]?.copyBytes(to: tensor.bytes)
        }
        (fed, results, hasRun) = (tensors, pinned, false)
    }

    func run() throws {
        guard !fed.isEmpty || inputs.isEmpty else {
            throw MobileViTError(.input, "nothing was fed to the artifact")
        }
        var pointers = results.map { Optional($0.pointer) }
        try session.run(fed.map { $0.pointer }, into: &pointers)
        hasRun = true
    }

    func output(_ name: String) throws -> Output {
        guard let index = outputs.firstIndex(where: { $0.name == name }) else {
            throw MobileViTError(
                .input, "there is no output `\(name)`",
                hint: "there is \(outputs.map(\.name).joined(separator: ", "))")
        }
        guard hasRun else { throw MobileViTError(.input, "the artifact was not run yet") }
        return .values(results[index].values)
    }

    private func tensor(
        _ spec: TensorSpec, shape: [Int], before: OnnxTensor?
    ) throws -> OnnxTensor {
        if let before, before.shape == shape { return before }
        return try OnnxTensor(shape: shape, dtype: spec.dtype, calls: session.calls)
    }
}

/// The shape of what is fed; a dynamic first side becomes what the bytes hold.
private func shape(of input: TensorSpec, fed bytes: Data?) throws -> [Int] {
    guard let bytes else { throw MobileViTError(.input, "input `\(input.name)` was not fed") }
    let isDynamic = input.shape.first == -1
    let one = try byteCount(of: resolved(input.shape, batch: 1), input.dtype)
    let batch = one == 0 ? 0 : bytes.count / one
    guard batch >= 1, batch * one == bytes.count, batch == 1 || isDynamic else {
        throw MobileViTError(
            .input, "input \(input) is fed \(bytes.count) bytes, and takes \(one)")
    }
    return resolved(input.shape, batch: batch)
}

private func resolved(_ shape: [Int], batch: Int?) -> [Int] {
    guard shape.first == -1, let batch else { return shape }
    return [batch] + shape.dropFirst()
}
