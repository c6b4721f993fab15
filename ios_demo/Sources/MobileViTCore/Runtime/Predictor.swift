import Foundation

/// Element types of tensors, with the names that manifests and plans have for them.
public enum DType: String, Codable, Sendable {
    case float16, float32, float64, uint8, int8, int32, int64

    public var bytes: Int {
        switch self {
        case .uint8, .int8: 1
        case .float16: 2
        case .float32, .int32: 4
        case .float64, .int64: 8
        }
    }
}

/// An input or output of an opened artifact. A side of -1 is dynamic. Core ML's image is uint8
/// `(1, height, width, 3)`, its dictionary of probabilities float32 `(1, classes)`.
public struct TensorSpec: Sendable, Equatable, CustomStringConvertible {
    public let name: String
    public let shape: [Int]
    public let dtype: DType

    public init(name: String, shape: [Int], dtype: DType) {
        self.name = name
        self.shape = shape
        self.dtype = dtype
    }

    public var description: String { "\(name) \(dtype.rawValue) \(shape)" }
}

/// What an output holds after a run.
public enum Output: Sendable, Equatable {
    /// In C order.
    case values([Float])
    /// Core ML's dictionary of a classifier.
    case byLabel([String: Double])
}

/// What opens artifacts: Core ML on Apple's systems, ONNX Runtime on Linux.
public protocol InferenceRuntime: Sendable {
    /// `coreml` or `onnxruntime`, as plans and results name it.
    var name: String { get }
    /// Of the library, or of the system whose it is.
    var version: String { get }
    /// Of the artifacts it opens, the preferred one first, such as `.mlpackage`.
    var suffixes: [String] { get }
    /// What may run an artifact, the default one first: Core ML's compute units `all`, `cpu+ne`,
    /// `cpu+gpu`, `cpu`; ONNX Runtime's `cpu`.
    var delegates: [String] { get }

    /// Opens an artifact. Nothing else is tried in the place of a delegate that refuses.
    ///
    /// - Parameters:
    ///   - artifact: a file or folder whose hash was compared.
    ///   - sha256: of it; what is compiled of it may be kept under this name.
    ///   - threads: Core ML takes no such number, and leaves it aside.
    ///   - delegate: one of `delegates`.
    /// - Throws: `MobileViTError` of kind `refused` or `input`; `CancellationError`.
    func load(_ artifact: URL, sha256: String, threads: Int, delegate: String) async throws
        -> sending any Predictor
}

/// What runs the network: an artifact, opened. Belongs to one task at a time.
public protocol Predictor: AnyObject {
    var inputs: [TensorSpec] { get }
    var outputs: [TensorSpec] { get }
    /// What really runs it, in the runtime's words.
    var delegate: String { get }

    /// Makes the input of the next runs, out of their time.
    ///
    /// - Parameter arrays: by input, bytes in C order, little-endian. A dynamic first side becomes what
    ///   they hold.
    /// - Throws: `MobileViTError` of kind `input`: not what the artifact takes; of kind `refused`: its
    ///   tensors are too large.
    func feed(_ arrays: [String: Data]) throws

    /// Runs once. This is what is timed: copies into and out of the runtime are in it.
    ///
    /// - Throws: `MobileViTError` of kind `refused`.
    func run() throws

    /// An output of the last run.
    ///
    /// - Throws: `MobileViTError` of kind `input`: nothing was run, or there is no such output.
    func output(_ name: String) throws -> Output
}
