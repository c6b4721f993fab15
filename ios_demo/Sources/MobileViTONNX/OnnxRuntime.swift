import COnnxRuntime
import Foundation
import MobileViTCore

/// ONNX Runtime on its kernels for the CPU.
///
/// It stands in for Core ML where there is none, so that what is around the network is run for real.
public struct OnnxRuntime: InferenceRuntime {
    private let environment: OnnxEnvironment

    /// - Throws: `MobileViTError` of kind `refused`: the library does not start.
    public init() throws {
        environment = try OnnxEnvironment.shared.get()
    }

    public var name: String { "onnxruntime" }
    public var version: String { environment.calls.version }
    public var suffixes: [String] { [".onnx"] }
    public var delegates: [String] { ["cpu"] }

    public func load(
        _ artifact: URL, sha256: String, threads: Int, delegate: String
    ) async throws -> sending any Predictor {
        guard threads > 0, let count = Int32(exactly: threads) else {
            throw MobileViTError(.input, "\(threads) threads cannot run a model")
        }
        guard delegates.contains(delegate) else {
            throw MobileViTError(
                .refused, "ONNX Runtime has no delegate `\(delegate)` here",
                hint: "it has \(delegates.joined(separator: ", "))")
        }
        try Task.checkCancellation()
        return try OnnxPredictor(artifact, threads: count, environment: environment)
    }
}

/// What all sessions of a process share.
final class OnnxEnvironment: @unchecked Sendable {
    // Sendable: it never changes, and sessions may be made of it on any thread (onnxruntime_c_api.h,
    // CreateEnv).
    static let shared = Result { try OnnxEnvironment() }

    let calls: OrtCalls
    let pointer: OpaquePointer

    private init() throws {
        let calls = try OrtCalls()
        let pointer = try calls.made(calls.table.CreateEnv, or: "ONNX Runtime does not start") {
            $0(ORT_LOGGING_LEVEL_ERROR, "mobilevit", &$1)
        }
        self.calls = calls
        self.pointer = pointer
    }

    deinit { calls.table.ReleaseEnv?(pointer) }
}
