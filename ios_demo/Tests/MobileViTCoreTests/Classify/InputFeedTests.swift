import Foundation
import XCTest

@testable import MobileViTCore

/// Two pixels, one beside the other.
final class InputFeedTests: XCTestCase {
    private let pixels: [UInt8] = [1, 2, 3, 255, 254, 253]

    func testBytesOfPixelsOneAfterTheOther() throws {
        XCTAssertEqual(try feed("uint8", [1, 1, 2, 3]), [1, 2, 3, 255, 254, 253])
    }

    func testBytesOfPlanes() throws {
        XCTAssertEqual(try feed("uint8", [1, 3, 1, 2]), [1, 255, 2, 254, 3, 253])
    }

    func testFloatsOfPixelsOneAfterTheOtherOfAnyNumberOfImages() throws {
        XCTAssertEqual(try feed("float32", [-1, 1, 2, 3]), [1, 2, 3, 255, 254, 253])
    }

    func testFloatsOfPlanes() throws {
        XCTAssertEqual(try feed("float32", [1, 3, 1, 2]), [1, 255, 2, 254, 3, 253])
    }

    func testAnInputOfAnotherTypeSizeOrNumberIsRefused() {
        for (dtype, shape) in [
            ("int8", [1, 1, 2, 3]), ("float16", [1, 1, 2, 3]), ("complex64", [1, 1, 2, 3]),
            ("float32", [1, 2, 2, 3]), ("float32", [2, 1, 2, 3]), ("float32", [1, 1, 2]),
            ("float32", []),
        ] {
            XCTAssertThrowsError(try feed(dtype, shape)) { error in
                let error = error as? MobileViTError
                XCTAssertEqual(error?.kind, .bundle)
                XCTAssertEqual(
                    error?.message,
                    "`model.onnx` takes \(dtype) \(shape), which this version of the library does "
                        + "not feed")
            }
        }
    }

    private func feed(_ dtype: String, _ shape: [Int]) throws -> [Float] {
        let crop = Preprocessing(imageSize: [1, 2], cropFraction: 1, interpolation: .bilinear)
        let input = TensorRecord(
            name: "image", kind: "tensor", shape: shape, dtype: dtype, layout: "")
        var feed = try InputFeed(input, of: "model.onnx", crop: crop)
        for _ in 0..<2 { feed.fill(pixels) }
        if dtype == "uint8" { return feed.bytes.map { Float($0) } }
        return feed.bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map {
                bytes.loadUnaligned(fromByteOffset: $0, as: Float.self)
            }
        }
    }
}
