import Foundation
import MobileViTCore
import MobileViTFixtures
import MobileViTONNX
import XCTest

final class SelfTestTests: XCTestCase {
    private let artifact = "mobilevit_xxs_fp32.onnx"

    func testEveryArtifactComputesHereWhatTheTrainingComputed() async throws {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        for artifact in ["mobilevit_xxs_fp32.onnx", "mobilevit_xxs_fp16.onnx"] {
            let result = try await run(bundle, artifact)
            XCTAssertTrue(result.passed, "\(artifact): \(result.faults)")
            XCTAssertEqual(result.faults, [])
            XCTAssertEqual(result.golden.count, bundle.manifest.golden.count)
            XCTAssertEqual(result.conformance, bundle.manifest.conformance.count)
            XCTAssertGreaterThan(result.conformance, 0)
            print("\(artifact): the golden set differs by \(result.maxDifference)")
        }
    }

    func testWeightsThatWereFlippedAreNoticed() async throws {
        let bundle = try signedBundle("flipped", artifact, artifact: flipWeights)
        let result = try await run(bundle, artifact)
        XCTAssertFalse(result.passed)
        XCTAssertTrue(result.faults.contains { $0.contains("a probability differs by") })
        XCTAssertEqual(result.wrongPixels, [])
    }

    func testSwappedChannelsAreNoticedInProbabilities() async throws {
        let images = try DecodedImages()
        let result = try await run(ModelBundle(folder: Inputs.bundle()), artifact) { file in
            try images.decode(file).bgr()
        }
        XCTAssertFalse(result.passed)
        XCTAssertGreaterThan(result.maxDifference, result.allowed)
        XCTAssertTrue(result.faults.contains { $0.contains(" is taken for ") })
        // what it is held to is swapped as well, so pixels agree: preprocessing is the same
        XCTAssertEqual(result.wrongPixels, [])
    }

    func testAnImageThatIsNotTurnedUprightIsNoticed() async throws {
        let images = try DecodedImages()
        let result = try await run(ModelBundle(folder: Inputs.bundle()), artifact) { file in
            let stored = try images.stored(file)
            return try stored.samples.withUnsafeBytes {
                try RGBImage(samples: $0, layout: stored.layout, orientation: 1)
            }
        }
        XCTAssertFalse(result.passed)
        XCTAssertEqual(result.wrongPixels.count, 4)
        XCTAssertTrue(result.wrongPixels.allSatisfy { $0.hasPrefix("EXIF orientation") })
        XCTAssertEqual(result.faults, result.wrongPixels)
    }

    func testAnImageThatCannotBeDecodedIsNamed() async throws {
        let images = try DecodedImages()
        let result = try await run(ModelBundle(folder: Inputs.bundle()), artifact) { file in
            if file.starts(with: [0xff, 0xd8]) { throw MobileViTError(.image, "no JPEG here") }
            return try images.decode(file)
        }
        XCTAssertEqual(result.wrongPixels.count, 5)
        XCTAssertTrue(result.wrongPixels.allSatisfy { $0.hasSuffix(": no JPEG here") })
    }

    func testWhatIsNotANumberDoesNotPass() {
        let outcomes = [0.0, .nan, 1e-5].map {
            GoldenOutcome(
                file: "golden/0.png", label: "tench", expected: "tench", sameLabel: true,
                maxDifference: $0)
        }
        let result = SelfTestResult(
            golden: outcomes, allowed: 1e-4, wrongPixels: [], conformance: 15)
        XCTAssertTrue(result.maxDifference.isNaN)
        XCTAssertFalse(result.passed)
        XCTAssertEqual(result.faults.count, 1)
    }

    func testNoGoldenImageIsNoProof() {
        let result = SelfTestResult(golden: [], allowed: 1e-4, wrongPixels: [], conformance: 15)
        XCTAssertFalse(result.passed)
        XCTAssertEqual(result.faults, ["the bundle has no golden image"])
    }

    func testACancelledTaskEndsBetweenTwoImages() async throws {
        let images = try DecodedImages()
        let classifier = try await MobileViTClassifier(
            bundle: Inputs.bundle(), runtime: OnnxRuntime())
        let testing = Task {
            try await classifier.selfTest { file in
                withUnsafeCurrentTask { $0?.cancel() }
                return try images.decode(file)
            }
        }
        do {
            _ = try await testing.value
            XCTFail("it ran to its end")
        } catch is CancellationError {}
    }

    private func run(
        _ bundle: ModelBundle, _ artifact: String, decode: ((Data) throws -> RGBImage)? = nil
    ) async throws -> SelfTestResult {
        let classifier = try await ImageClassifier.open(
            bundle, runtime: OnnxRuntime(), artifact: artifact)
        let images = try DecodedImages()
        return try selfTest(classifier, decode: decode ?? images.decode)
    }
}

extension RGBImage {
    fileprivate func bgr() throws -> RGBImage {
        let swapped = pixels.indices.map { pixels[$0 + 2 - 2 * ($0 % 3)] }
        return try RGBImage(width: width, height: height, pixels: swapped)
    }
}
