import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

final class ExportedMetadataTests: XCTestCase {
    func testWhatTheExporterWroteIsTheBundles() throws {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        let metadata = try exported()
        XCTAssertNotNil(bundle.manifest.model.checkpointSha256)
        XCTAssertTrue(bundle.isDescribed(by: metadata, as: try fp32(of: bundle)))
    }

    func testAnotherModelCropOrSetOfLabelsIsNotTheBundles() throws {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        let artifact = try fp32(of: bundle)
        let metadata = try exported()
        let labels = try XCTUnwrap(metadata["labels"])
        let preprocessing = try XCTUnwrap(metadata["preprocessing"])
        let side = String(bundle.manifest.preprocessing.imageSize[0])
        let changes: [(String, String?)] = [
            ("model", "mobilevit_s"), ("model", nil),
            ("labels", labels.replacingOccurrences(of: "tench", with: "trench")),
            ("labels", labels.replacingOccurrences(of: "[\"tench\", ", with: "[")),
            ("labels", "[]"), ("labels", "tench"), ("labels", nil),
            ("preprocessing", preprocessing.replacingOccurrences(of: side, with: "256")),
            ("preprocessing", preprocessing.replacingOccurrences(of: "bilinear", with: "bicubic")),
            ("preprocessing", preprocessing.replacingOccurrences(of: "0.9,", with: "0.875,")),
            ("preprocessing", "{}"), ("preprocessing", nil),
            ("checkpoint_sha256", String(repeating: "a", count: 64)), ("checkpoint_sha256", nil),
            ("precision", "fp16"), ("precision", nil),
        ]
        for (key, value) in changes {
            XCTAssertNotEqual(metadata[key], value, "the change of \(key) changes nothing")
            var changed = metadata
            changed[key] = value
            XCTAssertFalse(
                bundle.isDescribed(by: changed, as: artifact), "\(key): \(value ?? "none")")
        }
        XCTAssertFalse(bundle.isDescribed(by: [:], as: artifact))
    }

    private func fp32(of bundle: ModelBundle) throws -> ArtifactRecord {
        try bundle.artifact("mobilevit_xxs_fp32.onnx")
    }

    /// What lies in an `.onnx` file, which has the same metadata as the `.mlpackage`: fields 14 of
    /// onnx.proto's ModelProto, each a key and a value.
    private func exported() throws -> [String: String] {
        let file = try Inputs.bundle().appendingPathComponent("mobilevit_xxs_fp32.onnx")
        var model = ProtocolBuffer(try Data(contentsOf: file))
        var metadata: [String: String] = [:]
        while let (number, content) = model.next() {
            guard number == 14 else { continue }
            var entry = ProtocolBuffer(content)
            let texts = [entry.next(), entry.next()].compactMap { $0?.content }
            XCTAssertEqual(texts.count, 2)
            metadata[String(decoding: texts[0], as: UTF8.self)] =
                String(decoding: texts[1], as: UTF8.self)
        }
        return metadata
    }
}

/// The fields of a message, one after the other.
private struct ProtocolBuffer {
    private var rest: Data

    init(_ bytes: Data) { rest = bytes }

    /// Nil at the end; what is a number has no content.
    mutating func next() -> (number: Int, content: Data)? {
        guard !rest.isEmpty else { return nil }
        let tag = varint()
        let length = varint()
        guard tag & 7 == 2 else { return (tag >> 3, Data()) }
        defer { rest = rest.dropFirst(length) }
        return (tag >> 3, rest.prefix(length))
    }

    private mutating func varint() -> Int {
        var (value, shift) = (0, 0)
        while let byte = rest.popFirst() {
            value |= Int(byte & 127) << shift
            guard byte > 127 else { break }
            shift += 7
        }
        return value
    }
}
