import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

final class ArtifactChoiceTests: XCTestCase {
    private let coreML = Opener(name: "coreml", suffixes: [".mlpackage", ".mlmodel"])
    private let onnxRuntime = Opener(name: "onnxruntime", suffixes: [".onnx"])

    func testOfCoreMLsArtifactsTheSmallerIsPreferred() throws {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        XCTAssertEqual(
            try chooseArtifact(of: bundle, for: coreML).file, "mobilevit_xxs_fp16.mlpackage")
    }

    func testOfOnnxRuntimesTheMorePreciseIsPreferred() throws {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        XCTAssertEqual(
            try chooseArtifact(of: bundle, for: onnxRuntime).file, "mobilevit_xxs_fp32.onnx")
    }

    func testAnArtifactByNameIsChosen() throws {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        let file = "mobilevit_xxs_fp32.mlpackage"
        XCTAssertEqual(try chooseArtifact(of: bundle, for: coreML, named: file).file, file)
    }

    func testAnArtifactThatIsNotThereOrThatNothingOpensIsRefused() throws {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        let cases: [(Opener, String?, MobileViTError.Kind)] = [
            (coreML, "other.mlpackage", .bundle),
            (coreML, "mobilevit_xxs_fp32.onnx", .input),
            (Opener(name: "litert", suffixes: [".tflite"]), nil, .input),
            (Opener(name: "nothing", suffixes: []), nil, .input),
        ]
        for (runtime, file, kind) in cases {
            XCTAssertThrowsError(try chooseArtifact(of: bundle, for: runtime, named: file)) {
                XCTAssertEqual(($0 as? MobileViTError)?.kind, kind, "\($0)")
            }
        }
    }
}

/// A runtime that is asked only what it opens.
private struct Opener: InferenceRuntime {
    let name: String
    let suffixes: [String]
    let version = "1"
    let delegates = ["cpu"]

    func load(
        _ artifact: URL, sha256: String, threads: Int, delegate: String
    ) async throws -> sending any Predictor {
        throw MobileViTError(.refused, "it opens nothing")
    }
}
