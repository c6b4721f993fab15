import COnnxRuntime
import Foundation
import MobileViTCore

/// A session of ONNX Runtime, and what its model says of itself. Freed with its last reference.
final class OnnxSession {
    let calls: OrtCalls
    let inputs: [TensorSpec]
    let outputs: [TensorSpec]
    private let pointer: OpaquePointer
    // C strings, for as long as the session
    private let inputNames: [UnsafePointer<CChar>?]
    private let outputNames: [UnsafePointer<CChar>?]
    private let environment: OnnxEnvironment

    /// - Throws: `MobileViTError` of kind `refused`: no model, or one of inputs or outputs that are not
    ///   known here.
    init(_ artifact: URL, threads: Int32, environment: OnnxEnvironment) throws {
        let calls = environment.calls
        let refusal = "ONNX Runtime does not open `\(artifact.lastPathComponent)`"
        let pointer = try withOptions(threads: threads, calls: calls) { options in
            try calls.made(calls.table.CreateSession, or: refusal) {
                $0(environment.pointer, artifact.path, options, &$1)
            }
        }
        do {
            inputs = try specs(of: .inputs, session: pointer, calls: calls)
            outputs = try specs(of: .outputs, session: pointer, calls: calls)
        } catch {
            calls.table.ReleaseSession?(pointer)
            throw error
        }
        self.calls = calls
        self.pointer = pointer
        self.environment = environment
        inputNames = inputs.map { UnsafePointer(strdup($0.name)) }
        outputNames = outputs.map { UnsafePointer(strdup($0.name)) }
    }

    deinit {
        calls.table.ReleaseSession?(pointer)
        for name in inputNames + outputNames { free(UnsafeMutablePointer(mutating: name)) }
    }

    /// Runs once, from and into tensors in the order of `inputs` and `outputs`.
    ///
    /// - Throws: `MobileViTError` of kind `refused`.
    func run(_ fed: [OpaquePointer?], into results: inout [OpaquePointer?]) throws {
        try calls(calls.table.Run, or: "ONNX Runtime does not run the artifact") {
            $0(
                pointer, nil, inputNames, fed, fed.count, outputNames, results.count, &results)
        }
    }
}

private func withOptions<Result>(
    threads: Int32, calls: OrtCalls, _ body: (OpaquePointer) throws -> Result
) throws -> Result {
    let refusal = "ONNX Runtime does not take the options of a session"
    let options = try calls.made(calls.table.CreateSessionOptions, or: refusal) { $0(&$1) }
    defer { calls.table.ReleaseSessionOptions?(options) }
    try calls(calls.table.SetSessionLogSeverityLevel, or: refusal) {
        $0(options, Int32(ORT_LOGGING_LEVEL_ERROR.rawValue))
    }
    try calls(calls.table.SetIntraOpNumThreads, or: refusal) { $0(options, threads) }
    try calls(calls.table.SetInterOpNumThreads, or: refusal) { $0(options, 1) }
    // spinning threads keep cores busy between runs, at the cost of what runs beside them
    try calls(calls.table.AddSessionConfigEntry, or: refusal) {
        $0(options, "session.intra_op.allow_spinning", "0")
    }
    return try body(options)
}

private enum End { case inputs, outputs }

private func specs(
    of end: End, session: OpaquePointer, calls: OrtCalls
) throws -> [TensorSpec] {
    let table = calls.table
    let refusal = "ONNX Runtime does not tell the inputs and outputs"
    let (countOf, typeOf) =
        switch end {
        case .inputs: (table.SessionGetInputCount, table.SessionGetInputTypeInfo)
        case .outputs: (table.SessionGetOutputCount, table.SessionGetOutputTypeInfo)
        }
    var count = 0
    try calls(countOf, or: refusal) { $0(session, &count) }
    return try (0..<count).map { index in
        let name = try name(of: end, index, session: session, calls: calls)
        let info = try calls.made(typeOf, or: refusal) { $0(session, index, &$1) }
        defer { table.ReleaseTypeInfo?(info) }
        return try spec(name, info, calls: calls)
    }
}

private func name(
    of end: End, _ index: Int, session: OpaquePointer, calls: OrtCalls
) throws -> String {
    let refusal = "ONNX Runtime does not tell a name"
    let nameOf =
        switch end {
        case .inputs: calls.table.SessionGetInputName
        case .outputs: calls.table.SessionGetOutputName
        }
    var allocator: UnsafeMutablePointer<OrtAllocator>?
    try calls(calls.table.GetAllocatorWithDefaultOptions, or: refusal) { $0(&allocator) }
    var text: UnsafeMutablePointer<CChar>?
    try calls(nameOf, or: refusal) { $0(session, index, allocator, &text) }
    guard let text else { throw MobileViTError(.refused, refusal) }
    let name = String(cString: text)
    try calls(calls.table.AllocatorFree, or: refusal) { $0(allocator, text) }
    return name
}

private func spec(_ name: String, _ info: OpaquePointer, calls: OrtCalls) throws -> TensorSpec {
    let table = calls.table
    let refusal = "ONNX Runtime does not tell the type of `\(name)`"
    var tensor: OpaquePointer?  // a part of `info`
    try calls(table.CastTypeInfoToTensorInfo, or: refusal) { $0(info, &tensor) }
    guard let tensor else { throw MobileViTError(.refused, "`\(name)` is not a tensor") }
    var type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED
    try calls(table.GetTensorElementType, or: refusal) { $0(tensor, &type) }
    guard let dtype = DType(onnx: type) else {
        throw MobileViTError(
            .refused, "`\(name)` has elements of type \(type.rawValue), which is not known")
    }
    var rank = 0
    try calls(table.GetDimensionsCount, or: refusal) { $0(tensor, &rank) }
    var sides = [Int64](repeating: 0, count: rank)
    try calls(table.GetDimensions, or: refusal) { $0(tensor, &sides, rank) }
    let shape = sides.map { Int($0) }
    guard shape.allSatisfy({ $0 >= -1 }), !shape.dropFirst().contains(-1) else {
        throw MobileViTError(
            .refused, "`\(name)` is \(shape), dynamic in more than the batch")
    }
    return TensorSpec(name: name, shape: shape, dtype: dtype)
}
