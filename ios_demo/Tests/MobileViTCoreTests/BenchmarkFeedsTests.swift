import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

final class BenchmarkFeedsTests: XCTestCase {
    func testFloatsAreDrawnAsOfAPhotoAndBytesOverTheirWholeRange() throws {
        let inputs = [
            TensorSpec(name: "image", shape: [1, 3, 32, 32], dtype: .float32),
            TensorSpec(name: "double", shape: [900], dtype: .float64),
            TensorSpec(name: "half", shape: [900], dtype: .float16),
            TensorSpec(name: "bytes", shape: [900], dtype: .uint8),
        ]
        let drawn = try drawFeeds(inputs, batch: 1, seed: 3)
        let floats: [Float] = values(try XCTUnwrap(drawn["image"]))
        XCTAssertEqual(floats.count, 3 * 32 * 32)
        XCTAssert(floats.allSatisfy { (0...255).contains($0) })
        XCTAssert(floats.contains { $0 < 5 } && floats.contains { $0 > 250 })
        XCTAssertEqual(drawn["double"]?.count, 900 * 8)
        XCTAssertEqual(drawn["half"]?.count, 900 * 2)
        let bytes = try XCTUnwrap(drawn["bytes"])
        XCTAssert(bytes.contains { $0 < 5 } && bytes.contains { $0 > 250 })
        XCTAssertEqual(try drawFeeds(inputs, batch: 1, seed: 3), drawn)
        XCTAssertNotEqual(try drawFeeds(inputs, batch: 1, seed: 4), drawn)
    }

    func testHalfFloatsAreTheNearestOnes() {
        let expected: [(Float, UInt16)] = [
            (0, 0), (1, 0x3c00), (0.1, 0x2e66), (255, 0x5bf8), (2049.0 / 8, 0x5c00),
            (2051.0 / 8, 0x5c02),
        ]
        for (value, bits) in expected { XCTAssertEqual(halfBits(value), bits, "\(value)") }
        #if arch(arm64) || os(Linux)
        for step in 1...5000 {
            let value = Float(step) * 0.051
            XCTAssertEqual(halfBits(value), Float16(value).bitPattern, "\(value)")
        }
        #endif
    }

    func testADynamicFirstSideIsTheBatch() throws {
        let spec = TensorSpec(name: "x", shape: [-1, 3], dtype: .float32)
        XCTAssertEqual(try drawFeeds([spec], batch: 4, seed: 0)["x"]?.count, 4 * 3 * 4)
    }

    func testABatchThatIsFixedOrTooLargeIsRefused() {
        let fixed = TensorSpec(name: "image", shape: [1, 3, 8, 8], dtype: .float32)
        XCTAssertEqual(
            refusal { try drawFeeds([fixed], batch: 4, seed: 0) },
            "the batch of input `image`, float32 (1, 3, 8, 8) is fixed, and not 4")
        let free = TensorSpec(name: "x", shape: [-1, 1000], dtype: .float32)
        for batch in [1 << 32, Int.max] {
            XCTAssertNotNil(refusal { try drawFeeds([free], batch: batch, seed: 0) })
        }
    }

    func testWhatNoPhotoCouldBeIsNotDrawn() {
        for spec in [
            TensorSpec(name: "x", shape: [1, -1], dtype: .float32),
            TensorSpec(name: "x", shape: [1, 3], dtype: .int64),
        ] {
            let message = refusal { try drawFeeds([spec], batch: 1, seed: 0) }
            XCTAssertEqual(message?.hasPrefix("no feed can be drawn for input `x`, "), true)
        }
    }

    func testAFeedIsReadAsItWasWritten() throws {
        let folder = try Inputs.out("feeds")
        let written: [Float] = [1.5, -2, 3, 4]
        try written.withUnsafeBytes { Data($0) }.write(to: folder.appendingPathComponent("0.bin"))
        let spec = TensorSpec(name: "x", shape: [-1, 2], dtype: .float32)
        let planned = PlannedFeed(name: "x", dtype: "float32", shape: [2, 2], file: "0.bin")
        let read = try feeds([planned], folder: folder, inputs: [spec], batch: 2, seed: 0)
        XCTAssertEqual(values(try XCTUnwrap(read["x"])), written)
        let message = { (shape: [Int], file: String) in
            let feed = PlannedFeed(name: "x", dtype: "float32", shape: shape, file: file)
            return self.refusal {
                try feeds([feed], folder: folder, inputs: [spec], batch: 1, seed: 0)
            }
        }
        XCTAssertEqual(message([3, 2], "0.bin"), "`0.bin` does not hold float32 [3, 2]")
        XCTAssertEqual(
            message([.max, 2], "0.bin"), "`0.bin` does not hold float32 [\(Int.max), 2]")
        XCTAssertEqual(message([2, 2], "1.bin"), "cannot read `1.bin`: No such file or directory")
    }

    func testFeedsThatTheModelDoesNotTakeAreRefusedInPythonsWords() {
        let spec = TensorSpec(name: "x", shape: [1, 2], dtype: .float32)
        let message = { (name: String, dtype: String, shape: [Int]) in
            let feed = PlannedFeed(name: name, dtype: dtype, shape: shape, file: "0.bin")
            return self.refusal {
                try feeds(
                    [feed], folder: URL(fileURLWithPath: "/"), inputs: [spec], batch: 1, seed: 0)
            }
        }
        XCTAssertEqual(
            message("y", "float32", [1, 2]), "the model takes the inputs `x`; given: `y`")
        XCTAssertEqual(
            message("x", "float32", [2, 2]),
            "the model takes `x`, float32 (1, 2); given: `x`, float32 (2, 2)")
        XCTAssertEqual(
            message("x", "uint8", [1, 2]),
            "the model takes `x`, float32 (1, 2); given: `x`, uint8 (1, 2)")
    }

    private func refusal(_ block: () throws -> some Any) -> String? {
        do {
            _ = try block()
        } catch let error as MobileViTError {
            return error.message
        } catch {
            XCTFail("\(error)")
        }
        return nil
    }

    private func values(_ data: Data) -> [Float] {
        data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }
}
