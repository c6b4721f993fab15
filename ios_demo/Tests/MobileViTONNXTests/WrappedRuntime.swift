import Foundation
import MobileViTCore
import MobileViTONNX

/// The real runtime, with something around its predictors.
struct WrappedRuntime: InferenceRuntime {
    let real: OnnxRuntime
    let wrap: @Sendable (any Predictor) -> any Predictor

    init(wrap: @escaping @Sendable (any Predictor) -> any Predictor) throws {
        real = try OnnxRuntime()
        self.wrap = wrap
    }

    var name: String { real.name }
    var version: String { real.version }
    var suffixes: [String] { real.suffixes }
    var delegates: [String] { real.delegates }

    func load(
        _ artifact: URL, sha256: String, threads: Int, delegate: String
    ) async throws -> sending any Predictor {
        wrap(
            try await real.load(artifact, sha256: sha256, threads: threads, delegate: delegate))
    }
}

/// Does what the real one does, but for what a subclass does otherwise.
class WrappedPredictor: Predictor {
    private let real: any Predictor

    init(_ real: any Predictor) { self.real = real }

    var inputs: [TensorSpec] { real.inputs }
    var outputs: [TensorSpec] { real.outputs }
    var delegate: String { real.delegate }

    func feed(_ arrays: [String: Data]) throws { try real.feed(arrays) }
    func run() throws { try real.run() }
    func output(_ name: String) throws -> Output { try real.output(name) }
}
