import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

/// The manifests of tests/clients/manifest_corpus.py, and what the Python reader says of each.
final class ManifestCorpusTests: XCTestCase {
    private struct Case: Decodable {
        let change: String
        let message: String?
        let content: String
    }

    private struct Verdict {
        let change: String
        let python: String?
        let swift: String?

        var text: String {
            "\(change)\n  Python: \(python ?? "accepted")\n  Swift: \(swift ?? "accepted")"
        }
    }

    private func verdicts() throws -> [Verdict] {
        let lines = try Data(contentsOf: Inputs.corpus("manifests.jsonl")).split(separator: 0x0a)
        return try lines.map { line in
            let read = try decodeStrictly(Case.self, from: line)
            let content = try XCTUnwrap(Data(base64Encoded: read.content))
            var swift: String?
            do {
                _ = try readManifest(content, name: "manifest.json")
            } catch let error as MobileViTError {
                XCTAssertEqual(error.kind, .bundle)
                swift = error.message
            }
            return Verdict(change: read.change, python: read.message, swift: swift)
        }
    }

    func testAcceptsAndRefusesWhatPythonDoes() throws {
        let verdicts = try verdicts()
        assertNone(
            verdicts.filter { ($0.python == nil) != ($0.swift == nil) }, of: verdicts.count)
        let same = verdicts.count { $0.python == $0.swift }
        print("\(verdicts.count) manifests: Swift says what Python says of \(same)")
        assertNone(
            verdicts.filter {
                $0.python != $0.swift && !($0.python ?? "").contains("Invalid JSON")
            }, of: verdicts.count)
        let accepted = verdicts.count { $0.python == nil }
        XCTAssertGreaterThanOrEqual(verdicts.count, 1000)
        XCTAssert((verdicts.count / 5...verdicts.count * 4 / 5).contains(accepted), "\(accepted)")
    }

    private func assertNone(_ verdicts: [Verdict], of count: Int) {
        guard !verdicts.isEmpty else { return }
        let some = verdicts.prefix(20).map(\.text).joined(separator: "\n")
        XCTFail("\(verdicts.count) of \(count)\n\(some)")
    }
}
