import Foundation
import MobileViTCore
import MobileViTFixtures
import MobileViTONNX
import XCTest

final class ImageClassifierTests: XCTestCase {
    private let artifact = "mobilevit_xxs_fp32.onnx"

    func testTheMostProbableLabelsOfAnImageComeFirst() async throws {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        let classifier = try await open(bundle)
        let images = try DecodedImages()
        for golden in bundle.manifest.golden {
            let image = try images.decode(bundle.read(golden.file, sha256: golden.sha256))
            let given = try classifier.classify(image, top: 3)
            let expected = golden.probabilities.map { Float($0) }
            XCTAssertEqual(given.predictions.map(\.index), topK(expected, count: 3))
            for prediction in given.predictions {
                XCTAssertEqual(prediction.label, bundle.labels[prediction.index])
                XCTAssertEqual(prediction.probability, expected[prediction.index], accuracy: 1e-5)
            }
            XCTAssertGreaterThan(given.preprocessNs, 0)
            XCTAssertGreaterThan(given.inferenceNs, 0)
            XCTAssertEqual(
                try classifier.classify(image, top: 1000).predictions.count, bundle.labels.count)
        }
        XCTAssertGreaterThan(classifier.loadNs, 0)
        XCTAssertEqual(classifier.delegate, "CPUExecutionProvider")
    }

    func testNoLabelsOrPixelsOfAnotherSizeAreRefused() async throws {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        let classifier = try await open(bundle)
        let image = try RGBImage(width: 1, height: 1, pixels: [1, 2, 3])
        for top in [0, -1] {
            XCTAssertThrowsError(try classifier.classify(image, top: top)) {
                XCTAssertEqual(($0 as? MobileViTError)?.kind, .input)
            }
        }
        let values = bundle.manifest.preprocessing.imageSize.reduce(3, *)
        for count in [0, 7, values + 1] {
            let pixels = [UInt8](repeating: 0, count: count)
            XCTAssertThrowsError(try classifier.probabilities(of: pixels)) {
                XCTAssertEqual(($0 as? MobileViTError)?.kind, .input)
            }
        }
    }

    func testAnArtifactThatWasChangedIsRefusedBeforeTheRuntimeSeesIt() async throws {
        let bundle = try signedBundle("appended", artifact)
        let file = bundle.folder.appendingPathComponent(artifact)
        try (Data(contentsOf: file) + [0]).write(to: file)
        let error = await refusal(bundle)
        XCTAssertEqual(error?.kind, .bundle)
        XCTAssertEqual(
            error?.message.hasSuffix("\(artifact)` is not the file that was exported"), true)
    }

    func testAnArtifactThatWasCutOffOrIsNoiseIsRefusedByTheRuntime() async throws {
        var random = SeededGenerator(seed: 0)
        let noise = Data((0..<100_000).map { _ in UInt8.random(in: 0...255, using: &random) })
        let damages: [(Data) -> Data] = [
            { $0.prefix($0.count / 2) }, { $0.prefix(100) }, { _ in noise }, { _ in Data() },
        ]
        for damage in damages {
            let error = await refusal(try signedBundle("damaged", artifact, artifact: damage))
            XCTAssertEqual(error?.kind, .refused)
            XCTAssertEqual(error?.message.contains("\n"), false)
        }
    }

    func testAnArtifactWhoseEndsAreNotWhatTheManifestTellsIsRefused() async throws {
        for (name, other) in [
            ("\"name\": \"image\"", "\"name\": \"picture\""),
            ("\"name\": \"probabilities\"", "\"name\": \"logits\""),
            ("\"dtype\": \"uint8\"", "\"dtype\": \"float32\""),
        ] {
            let bundle = try signedBundle(
                "interface", artifact,
                manifest: { $0.replacingOccurrences(of: name, with: other) })
            let error = await refusal(bundle)
            XCTAssertEqual(error?.kind, .bundle)
            XCTAssertEqual(error?.message.hasPrefix("`\(artifact)`: "), true)
            XCTAssertEqual(error?.message.contains(", the manifest says "), true)
        }
    }

    func testAnArtifactOfAnotherCropIsRefused() async throws {
        let side = try ModelBundle(folder: Inputs.bundle()).manifest.preprocessing.imageSize[0]
        let bundle = try signedBundle(
            "crop", artifact, manifest: { $0.replacingOccurrences(of: " \(side)", with: " 160") })
        let error = await refusal(bundle)
        XCTAssertEqual(error?.kind, .bundle)
        XCTAssertEqual(
            error?.message,
            "`\(artifact)`: input is image uint8 [1, \(side), \(side), 3], "
                + "the manifest says image uint8 [1, 160, 160, 3]")
    }

    func testMoreProbabilitiesThanLabelsAreRefused() async throws {
        let classifier = try await ImageClassifier.open(
            ModelBundle(folder: Inputs.bundle()), runtime: WrappedRuntime { SurplusPredictor($0) },
            artifact: artifact)
        let image = try RGBImage(width: 1, height: 1, pixels: [1, 2, 3])
        XCTAssertThrowsError(try classifier.classify(image, top: 2000)) {
            XCTAssertEqual(($0 as? MobileViTError)?.kind, .bundle)
        }
    }

    private func open(_ bundle: ModelBundle) async throws -> sending ImageClassifier {
        try await ImageClassifier.open(bundle, runtime: OnnxRuntime(), artifact: artifact)
    }

    private func refusal(_ bundle: ModelBundle) async -> MobileViTError? {
        do {
            _ = try await open(bundle)
            XCTFail("it was opened")
        } catch let error as MobileViTError {
            return error
        } catch {
            XCTFail("\(error)")
        }
        return nil
    }
}

/// Its outputs hold all values twice, whatever they say of themselves.
private final class SurplusPredictor: WrappedPredictor {
    override func output(_ name: String) throws -> Output {
        guard case .values(let values) = try super.output(name) else {
            return try super.output(name)
        }
        return .values(values + values)
    }
}
