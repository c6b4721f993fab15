import Foundation
import MobileViTCore
import MobileViTFixtures
import MobileViTONNX
import XCTest

/// Photos with the probabilities that the Python client gives them: tests/clients/expected_labels.py.
final class AgreementTests: XCTestCase {
    private let tolerance = 1e-4

    func testFP32GivesWhatThePythonClientGives() async throws {
        let photos = try expectedPhotos()
        XCTAssertGreaterThanOrEqual(photos.count, 500)
        let agreement = try await agreement(of: "mobilevit_xxs_fp32.onnx", on: photos)
        XCTAssertEqual(agreement.sameLabel, photos.count)
        XCTAssertLessThanOrEqual(agreement.maxDifference, tolerance)
    }

    func testFP16StaysWithinItsOwnTolerance() async throws {
        let artifact = "mobilevit_xxs_fp16.onnx"
        let agreement = try await agreement(of: artifact, on: expectedPhotos().prefix(50))
        XCTAssertEqual(agreement.sameLabel, 50)
        let allowed = try ModelBundle(folder: Inputs.bundle()).artifact(artifact).maxAbsDifference
        XCTAssertLessThanOrEqual(agreement.maxDifference, allowed)
    }

    func testSwappedChannelsDoNotAgree() async throws {
        let photos = try expectedPhotos().prefix(50)
        let agreement = try await agreement(of: "mobilevit_xxs_fp32.onnx", on: photos) { pixels in
            pixels.indices.map { pixels[$0 + 2 - 2 * ($0 % 3)] }
        }
        XCTAssertLessThan(agreement.sameLabel, 50)
        XCTAssertGreaterThan(agreement.maxDifference, tolerance)
    }

    private func agreement(
        of artifact: String, on photos: some Collection<ExpectedPhoto>,
        change: ([UInt8]) -> [UInt8] = { $0 }
    ) async throws -> (sameLabel: Int, maxDifference: Double) {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        let classifier = try await ImageClassifier.open(
            bundle, runtime: OnnxRuntime(), artifact: artifact)
        let resizer = CropResizer(bundle.manifest.preprocessing)
        let images = try DecodedImages()
        var (same, largest) = (0, 0.0)
        for photo in photos {
            let pixels = try resizer.crop(images.photo(photo.photo))
            let given = try classifier.probabilities(of: change(pixels))
            let expected = try XCTUnwrap(photo.probabilities[artifact])
            XCTAssertEqual(given.count, expected.count)
            if topK(given, count: 1) == topK(expected, count: 1) { same += 1 }
            for (a, b) in zip(given, expected) {
                XCTAssertFalse(a.isNaN)
                largest = max(largest, abs(Double(a) - Double(b)))
            }
        }
        print("\(artifact): \(photos.count) photos, \(same) same labels, differs by \(largest)")
        return (same, largest)
    }
}

private struct ExpectedPhoto: Decodable {
    let photo: String
    let probabilities: [String: [Float]]
}

private func expectedPhotos() throws -> [ExpectedPhoto] {
    let lines = try Data(contentsOf: Inputs.corpus("expected.jsonl")).split(
        separator: UInt8(ascii: "\n"))
    XCTAssertFalse(lines.isEmpty)
    return try lines.map { try JSONDecoder().decode(ExpectedPhoto.self, from: $0) }
}
