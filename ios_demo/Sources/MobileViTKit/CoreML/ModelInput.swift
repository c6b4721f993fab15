#if canImport(CoreML)
import CoreML
import CoreVideo
import Foundation
import MobileViTCore

/// An input's memory, made once: what is written there is what the next prediction reads.
protocol ModelInput: AnyObject {
    var value: MLFeatureValue { get }

    /// - Parameter bytes: in C order, as many as the input takes.
    func write(_ bytes: Data) throws
}

/// An image: Core ML takes pixels of four bytes, the Neural Engine and the GPU without a copy where
/// they lie in an IOSurface.
final class ImageInput: ModelInput {
    let value: MLFeatureValue
    private let buffer: CVPixelBuffer

    /// - Throws: `MobileViTError` of kind `refused`: Core Video makes no such buffer.
    init(width: Int, height: Int) throws {
        let attributes = NSDictionary(
            object: NSDictionary(), forKey: kCVPixelBufferIOSurfacePropertiesKey as NSString)
        var buffer: CVPixelBuffer?
        let status = CVPixelBufferCreate(
            nil, width, height, kCVPixelFormatType_32BGRA, attributes as CFDictionary, &buffer)
        guard status == kCVReturnSuccess, let buffer else {
            throw MobileViTError(
                .refused, "Core Video makes no buffer of \(width)x\(height) pixels: \(status)")
        }
        self.buffer = buffer
        value = MLFeatureValue(pixelBuffer: buffer)
    }

    /// - Parameter bytes: RGB, row by row.
    func write(_ bytes: Data) throws {
        let status = CVPixelBufferLockBaseAddress(buffer, [])
        guard status == kCVReturnSuccess, let base = CVPixelBufferGetBaseAddress(buffer) else {
            throw MobileViTError(.refused, "Core Video does not lock its buffer: \(status)")
        }
        defer { CVPixelBufferUnlockBaseAddress(buffer, []) }
        let (width, height) = (CVPixelBufferGetWidth(buffer), CVPixelBufferGetHeight(buffer))
        let bytesPerRow = CVPixelBufferGetBytesPerRow(buffer)
        bytes.withUnsafeBytes { (rgb: UnsafeRawBufferPointer) in
            for y in 0..<height {
                let row = (base + y * bytesPerRow).assumingMemoryBound(to: UInt8.self)
                for x in 0..<width {
                    let pixel = 3 * (y * width + x)
                    row[4 * x] = rgb[pixel + 2]
                    row[4 * x + 1] = rgb[pixel + 1]
                    row[4 * x + 2] = rgb[pixel]
                    row[4 * x + 3] = .max
                }
            }
        }
    }
}

/// A tensor.
final class ArrayInput: ModelInput {
    let value: MLFeatureValue
    private let memory: UnsafeMutableRawBufferPointer

    /// - Throws: `MobileViTError` of kind `refused`: Core ML makes no such array.
    init(_ spec: TensorSpec) throws {
        guard let type = spec.dtype.multiArray, spec.shape.allSatisfy({ $0 > 0 }) else {
            throw MobileViTError(.refused, "Core ML has no array for \(spec)")
        }
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: spec.shape.reduce(spec.dtype.bytes, *), alignment: 64)
        do {
            guard let base = memory.baseAddress else {
                throw MobileViTError(.refused, "there is no memory for \(spec)")
            }
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            let array = try MLMultiArray(
                dataPointer: base, shape: spec.shape.map { NSNumber(value: $0) }, dataType: type,
                strides: strides(of: spec.shape).map { NSNumber(value: $0) }, deallocator: nil)
            value = MLFeatureValue(multiArray: array)
        } catch {
            memory.deallocate()
            throw refusal("Core ML makes no array for \(spec)", error)
        }
        self.memory = memory
    }

    deinit { memory.deallocate() }

    func write(_ bytes: Data) throws {
        bytes.copyBytes(to: memory)
    }
}

/// In elements, of C order.
private func strides(of shape: [Int]) -> [Int] {
    var strides: [Int] = []
    var step = 1
    for side in shape.reversed() {
        strides.append(step)
        step *= side
    }
    return strides.reversed()
}
#endif
