import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

final class BundleDigestTests: XCTestCase {
    func testExamplesOfFIPS180() throws {
        XCTAssertEqual(
            try sha256(Data("abc".utf8)),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        XCTAssertEqual(
            try sha256(Data("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        XCTAssertEqual(
            try sha256(Data()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    func testAFileOfManyPiecesHasTheHashOfItsBytes() throws {
        let file = try Inputs.out("digest").appendingPathComponent("large")
        for count in [0, 1, 1 << 18, 1 << 18 + 1, 3 << 18 - 1] {
            let bytes = Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
            try bytes.write(to: file)
            XCTAssertEqual(try hashArtifact(file), try sha256(bytes))
        }
    }

    /// What `sha256sum` prints for the files of a folder, hashed, as docs/embedding.md has it.
    func testTheHashOfAFolderIsThatOfItsSortedList() throws {
        let folder = try Inputs.out("digest")
        var lines: [String] = []
        // sorted by bytes: no locale, and nothing of `/`
        for path in ["-", ".hidden", "A", "a.b", "a/b", "a/c/d", "a0", "é", "\u{ff5e}", "😀"] {
            let file = folder.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(path.utf8).write(to: file)
            lines.append("\(try sha256(Data(path.utf8)))  \(path)\n")
        }
        XCTAssertEqual(try hashArtifact(folder), try sha256(Data(lines.joined().utf8)))
    }

    func testWhatIsNeitherFileNorFolderIsTold() throws {
        XCTAssertThrowsError(try hashArtifact(URL(fileURLWithPath: "/dev/null"))) { error in
            let message = (error as? MobileViTError)?.message ?? "\(error)"
            XCTAssertEqual(message, "`/dev/null` is neither a file nor a folder")
        }
    }

    func testWhatCannotBeReadIsTold() throws {
        let gone = try Inputs.out("digest").appendingPathComponent("gone")
        XCTAssertThrowsError(try hashArtifact(gone)) { error in
            let message = (error as? MobileViTError)?.message ?? "\(error)"
            XCTAssert(message.hasPrefix("`\(gone.path)` cannot be read: "), message)
        }
    }
}
