import COnnxRuntime
import MobileViTCore

/// A tensor over memory of its own, which stays where it is: what is written there is what the next
/// run reads.
final class OnnxTensor {
    let shape: [Int]
    let dtype: DType
    /// In C order.
    let bytes: UnsafeMutableRawBufferPointer
    let pointer: OpaquePointer
    private let calls: OrtCalls

    /// - Throws: `MobileViTError` of kind `refused`: too large, or not taken.
    init(shape: [Int], dtype: DType, calls: OrtCalls) throws {
        let refusal = "ONNX Runtime does not make a tensor \(shape)"
        let memory = try calls.made(calls.table.CreateCpuMemoryInfo, or: refusal) {
            $0(OrtArenaAllocator, OrtMemTypeDefault, &$1)
        }
        defer { calls.table.ReleaseMemoryInfo?(memory) }
        let bytes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: try byteCount(of: shape, dtype), alignment: 64)
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        let sides = shape.map { Int64($0) }
        do {
            pointer = try calls.made(calls.table.CreateTensorWithDataAsOrtValue, or: refusal) {
                $0(
                    memory, bytes.baseAddress, bytes.count, sides, sides.count, dtype.onnx, &$1)
            }
        } catch {
            bytes.deallocate()
            throw error
        }
        self.shape = shape
        self.dtype = dtype
        self.bytes = bytes
        self.calls = calls
    }

    deinit {
        calls.table.ReleaseValue?(pointer)
        bytes.deallocate()
    }

    /// What it holds, in C order.
    var values: [Float] {
        switch dtype {
        case .float16: bytes.bindMemory(to: Float16.self).map { Float($0) }
        case .float32: Array(bytes.bindMemory(to: Float.self))
        case .float64: bytes.bindMemory(to: Double.self).map { Float($0) }
        case .uint8: bytes.map { Float($0) }
        case .int8: bytes.bindMemory(to: Int8.self).map { Float($0) }
        case .int32: bytes.bindMemory(to: Int32.self).map { Float($0) }
        case .int64: bytes.bindMemory(to: Int64.self).map { Float($0) }
        }
    }
}

/// What a tensor holds, in bytes.
///
/// - Throws: `MobileViTError` of kind `refused`: more than `mostBytes`.
func byteCount(of shape: [Int], _ dtype: DType) throws -> Int {
    var count = dtype.bytes
    for side in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: side)
        guard !overflow, product <= mostBytes else {
            throw MobileViTError(.refused, "a tensor \(shape) is too large to be held")
        }
        count = product
    }
    return count
}

/// Of a tensor: a model may say any number, and memory of that size would end the process.
private let mostBytes = 1 << 31

extension DType {
    var onnx: ONNXTensorElementDataType {
        switch self {
        case .float16: ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16
        case .float32: ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT
        case .float64: ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE
        case .uint8: ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8
        case .int8: ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8
        case .int32: ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32
        case .int64: ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64
        }
    }

    /// Nil for a type that has no name in manifests.
    init?(onnx: ONNXTensorElementDataType) {
        let all: [DType] = [.float16, .float32, .float64, .uint8, .int8, .int32, .int64]
        guard let found = all.first(where: { $0.onnx == onnx }) else { return nil }
        self = found
    }
}
