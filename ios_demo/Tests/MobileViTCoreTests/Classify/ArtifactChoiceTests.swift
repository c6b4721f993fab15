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

    func testFloatsComeBeforeWhatIsCompressedAndAPlainGraphBeforeOneForTheNeuralEngine() throws {
        let ranked = [
            try record("fp16"), try record("fp16", layout: "neural-engine"), try record("fp32"),
            try record("int8-weights"), try record("int8"), try record("palette6"),
            try record("palette4"), try record("int4"),
        ]
        for count in ranked.indices {
            XCTAssertEqual(preferred(ranked.dropFirst(count).reversed()), ranked[count])
        }
        XCTAssertEqual(ranked[1].variant, "fp16, neural-engine")
    }

    func testWhatTheExportFoundFaultWithComesLast() throws {
        let slow = try record("fp16", faults: ["slower than fp32"])
        let good = try record("fp16", layout: "neural-engine", faults: [])
        let other = try record("int8")
        XCTAssertEqual(preferred([slow, other, good]), good)
        XCTAssertEqual(preferred([slow, other]), other)
        XCTAssertEqual(preferred([slow]), slow)
        XCTAssertNil(preferred([]))
    }

    /// The bundle's first package, as if it were another.
    private func record(
        _ precision: String, layout: String = "plain", faults: [String]? = nil
    ) throws -> ArtifactRecord {
        let file = try Inputs.bundle().appendingPathComponent("manifest.json")
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
        let manifest = try XCTUnwrap(json as? [String: Any])
        let artifacts = try XCTUnwrap(manifest["artifacts"] as? [[String: Any]])
        var record = try XCTUnwrap(artifacts.first { $0["format"] as? String == "coreml" })
        record["precision"] = precision
        record["layout"] = layout
        if let faults {
            record["sibling"] = [
                "file": "fp32.mlpackage", "runtime": "coreml", "runtime_version": "1",
                "machine": "a Mac", "speedup": 0.5, "low": 0.4, "high": 0.6, "faults": faults,
            ]
        }
        return try decodeStrictly(
            ArtifactRecord.self, from: JSONSerialization.data(withJSONObject: record))
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
