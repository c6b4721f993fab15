import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

/// The bundle that was exported, and what may have happened to it since.
final class BundleTests: XCTestCase {
    // MARK: Files

    func testLabelsAreInTheOrderOfTheOutputs() throws {
        let folder = try Inputs.bundle()
        let bundle = try ModelBundle(folder: folder)
        let text = try String(
            contentsOf: folder.appendingPathComponent("labels.txt"), encoding: .utf8)
        XCTAssertEqual(bundle.labels, text.split(separator: "\n").map(String.init))
        XCTAssertEqual(bundle.labels.count, bundle.manifest.labels.count)
    }

    func testEveryFileIsReadAsItWasExported() throws {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        let manifest = bundle.manifest
        for image in manifest.golden {
            XCTAssertFalse(try bundle.read(image.file, sha256: image.sha256).isEmpty)
        }
        for image in manifest.conformance {
            XCTAssertFalse(try bundle.read(image.file, sha256: image.sha256).isEmpty)
            XCTAssertFalse(try bundle.read(image.pixels, sha256: image.pixelsSha256).isEmpty)
        }
        for artifact in manifest.artifacts {
            let place = try bundle.check(artifact)
            XCTAssertEqual(place.lastPathComponent, artifact.file)
        }
        XCTAssert(manifest.artifacts.contains { $0.file.hasSuffix(".mlpackage") })
        XCTAssert(manifest.artifacts.contains { $0.file.hasSuffix(".onnx") })
    }

    func testOneBitThatChangedIsRefused() throws {
        let copy = try CopiedBundle("flipped")
        let bundle = try ModelBundle(folder: copy.folder)
        for artifact in bundle.manifest.artifacts {
            let file = try copy.largestFile(in: artifact.file)
            try copy.change(file) { $0[$0.count / 2] ^= 1 }
            let error = try refusal { _ = try bundle.check(artifact) }
            XCTAssertEqual(
                error.message,
                "`\(copy.folder.path)/\(artifact.file)` is not the file that was exported")
            XCTAssertEqual(error.hint, "export the bundle again, or copy it again")
            try copy.change(file) { $0[$0.count / 2] ^= 1 }
            XCTAssertNoThrow(try bundle.check(artifact))
        }
        let image = bundle.manifest.golden[0]
        try copy.change(image.file) { $0[0] ^= 0x80 }
        XCTAssertThrowsError(try bundle.read(image.file, sha256: image.sha256))
    }

    func testAFileMoreOrLessInAPackageIsRefused() throws {
        let copy = try CopiedBundle("package")
        let bundle = try ModelBundle(folder: copy.folder)
        let artifact = try XCTUnwrap(
            bundle.manifest.artifacts.first { $0.file.hasSuffix(".mlpackage") })
        try copy.write("\(artifact.file)/Data/.hidden", Data())
        XCTAssert(
            try refusal { _ = try bundle.check(artifact) }.message.contains("is not the file"))
        try copy.remove("\(artifact.file)/Data/.hidden")
        XCTAssertNoThrow(try bundle.check(artifact))
        try copy.remove("\(artifact.file)/Manifest.json")
        XCTAssert(
            try refusal { _ = try bundle.check(artifact) }.message.contains("is not the file"))
        try copy.remove(artifact.file)
        XCTAssert(try refusal { _ = try bundle.check(artifact) }.message.hasSuffix("is missing"))
    }

    func testNoBundleIsToldFromABundleWithAFileMissing() throws {
        let gone = try Inputs.out("no-bundle").appendingPathComponent("gone")
        let none = try refusal { _ = try ModelBundle(folder: gone) }
        XCTAssertEqual(none.message, "`\(gone.path)` is not a bundle: it has no manifest.json")
        XCTAssertEqual(
            none.hint, "put a bundle into the app with `mobilevit embed BUNDLE APP_DIR`")
        let copy = try CopiedBundle("unlabelled")
        try copy.remove("labels.txt")
        let error = try refusal { _ = try ModelBundle(folder: copy.folder) }
        XCTAssertEqual(error.message, "`\(copy.folder.path)/labels.txt` is missing")
    }

    func testAFolderInThePlaceOfAFileIsTold() throws {
        let copy = try CopiedBundle("folder")
        try copy.remove("labels.txt")
        try copy.makeFolder("labels.txt")
        let error = try refusal { _ = try ModelBundle(folder: copy.folder) }
        XCTAssertEqual(error.message, "`\(copy.folder.path)/labels.txt` is not a file")
    }

    func testAnArtifactThatIsNotThereIsRefusedWithTheNamesOfThoseThatAre() throws {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        let error = try refusal { _ = try bundle.artifact("x.onnx") }
        XCTAssert(error.message.hasSuffix("has no artifact `x.onnx`"), error.message)
        XCTAssert((error.hint ?? "").contains("_fp32.onnx"), "\(error)")
        let name = bundle.manifest.artifacts[0].file
        XCTAssertEqual(try bundle.artifact(name), bundle.manifest.artifacts[0])
    }

    // MARK: Manifest

    func testAManifestThatChangedIsRefusedAndLineEndsAreTold() throws {
        let copy = try CopiedBundle("changed")
        let text = try copy.text("manifest.json")
        func message(_ from: String, _ to: String) throws -> MobileViTError {
            try copy.write(
                "manifest.json", Data(text.replacingOccurrences(of: from, with: to).utf8))
            return try refusal { _ = try ModelBundle(folder: copy.folder) }
        }
        let newer = try message("\"schema_version\": 1", "\"schema_version\": 2")
        XCTAssertEqual(newer.hint, "upgrade mobilevit-sdk")
        let later = try message("\"created\": \"2", "\"created\": \"3")
        XCTAssertEqual(
            later.message, "`\(copy.folder.path)/manifest.json` was changed after it was written")
        let windows = try message("\n", "\r\n")
        XCTAssert(windows.message.contains("line ends"), windows.message)
        XCTAssert((windows.hint ?? "").contains(".gitattributes"), "\(windows)")
        let cut = try message(String(text.suffix(1000)), "")
        XCTAssert(cut.message.contains("Invalid JSON: EOF"), cut.message)
    }

    func testWhatIsKeptOfAManifestIsWhatStandsThere() throws {
        let folder = try Inputs.bundle()
        let manifest = try ModelBundle(folder: folder).manifest
        let json = try parseJSON(Data(contentsOf: folder.appendingPathComponent("manifest.json")))
        let root = try Located(json).object()
        XCTAssertEqual(root["sdk_version"], .string(manifest.sdkVersion))
        let model = try Located(XCTUnwrap(root["model"])).object()
        XCTAssertEqual(model["parameters"], .number("\(manifest.model.parameters ?? 0)"))
        let artifacts = try Located(XCTUnwrap(root["artifacts"])).items()
        XCTAssertEqual(artifacts.count, manifest.artifacts.count)
        for (json, artifact) in zip(artifacts, manifest.artifacts) {
            let fields = try Located(json).object()
            XCTAssertEqual(fields["file"], .string(artifact.file))
            XCTAssertEqual(fields["size"], .number("\(artifact.size)"))
            XCTAssertEqual(artifact.maxAbsDifference, artifact.precision == "fp32" ? 1e-4 : 0.02)
            XCTAssertEqual(
                artifact.input.shape,
                [
                    1, manifest.preprocessing.height,
                    manifest.preprocessing.width, 3,
                ])
        }
    }

    /// `Manifest` is `Decodable` for all; strict where it is read as a bundle's.
    func testAnotherDecoderReadsTheSame() throws {
        let folder = try Inputs.bundle()
        let content = try Data(contentsOf: folder.appendingPathComponent("manifest.json"))
        XCTAssertEqual(
            try JSONDecoder().decode(Manifest.self, from: content),
            try ModelBundle(folder: folder).manifest)
        let broken = String(decoding: content, as: UTF8.self)
            .replacingOccurrences(of: "\"crop_fraction\": ", with: "\"crop_fraction\": 1")
        XCTAssertThrowsError(try JSONDecoder().decode(Manifest.self, from: Data(broken.utf8))) {
            XCTAssert($0 is DecodingError)
        }
    }

    // MARK: Labels

    func testLinesOfLabelsEndWherePythonEndsThem() throws {
        let copy = try CopiedBundle("lines")
        let labels = try ModelBundle(folder: copy.folder).labels
        let ends = ["\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{1e}", "\u{85}", "\u{2028}"]
        for end in ends {
            for last in [end, ""] {
                try copy.relabel(Data((labels.joined(separator: end) + last).utf8))
                XCTAssertEqual(try ModelBundle(folder: copy.folder).labels, labels)
            }
        }
        let spaced = labels.map { "\($0) \u{a0}e\u{301}\u{feff}" }
        try copy.relabel(Data(spaced.joined(separator: "\n").utf8))
        let read = try ModelBundle(folder: copy.folder).labels
        XCTAssertEqual(read.map { Array($0.utf8) }, spaced.map { Array($0.utf8) })
        XCTAssertEqual(splitLines(""), [])
        XCTAssertEqual(splitLines("\n"), [""])
        XCTAssertEqual(splitLines("\n\r\na\r\r\n\u{301}b\n"), ["", "", "a", "", "\u{301}b"])
    }

    func testLabelsThatAreTooFewTooManyOrNoTextAreRefused() throws {
        let copy = try CopiedBundle("labels")
        let labels = try ModelBundle(folder: copy.folder).labels
        for count in [0, 1, labels.count - 1, labels.count + 1] {
            try copy.relabel(Data(String(repeating: "label\n", count: count).utf8))
            let error = try refusal { _ = try ModelBundle(folder: copy.folder) }
            let expected = "has \(count) labels, the manifest says \(labels.count)"
            XCTAssert(error.message.hasSuffix(expected), error.message)
        }
        try copy.relabel(Data([0xe9]) + Data(labels.joined(separator: "\n").utf8))
        let error = try refusal { _ = try ModelBundle(folder: copy.folder) }
        XCTAssert(error.message.hasSuffix("it is not UTF-8"), error.message)
    }

    // MARK: Links

    func testLinksThatStayInsideAreFollowed() throws {
        let copy = try CopiedBundle("links-inside")
        let bundle = try ModelBundle(folder: copy.folder)
        let image = bundle.manifest.golden[0]
        try copy.move(image.file, to: "golden/moved.png")
        try copy.link(image.file, to: "moved.png")
        XCTAssertNoThrow(try bundle.read(image.file, sha256: image.sha256))
        let artifact = try XCTUnwrap(
            bundle.manifest.artifacts.first { $0.file.hasSuffix(".mlpackage") })
        try copy.move(artifact.file, to: "moved")
        try copy.link(artifact.file, to: "moved")
        XCTAssertEqual(try bundle.check(artifact).lastPathComponent, artifact.file)
        let behind = copy.folder.deletingLastPathComponent().appendingPathComponent("link")
        try FileManager.default.createSymbolicLink(at: behind, withDestinationURL: copy.folder)
        XCTAssertEqual(try ModelBundle(folder: behind).labels, bundle.labels)
    }

    func testLinksOutOfTheBundleAreRefused() throws {
        let copy = try CopiedBundle("links-out")
        let bundle = try ModelBundle(folder: copy.folder)
        let image = bundle.manifest.golden[0]
        for target in ["../../outside.png", "/dev/zero", "/etc/passwd"] {
            try copy.remove(image.file)
            try copy.link(image.file, to: target)
            let error = try refusal { _ = try bundle.read(image.file, sha256: image.sha256) }
            let file = "\(copy.folder.path)/\(image.file)"
            let expected = target.hasPrefix("/") ? "out of the bundle" : "to nothing"
            XCTAssertEqual(error.message, "`\(file)` is a link \(expected)")
        }
        // a neighbour whose name begins as the bundle's does
        let neighbour = "../\(copy.folder.lastPathComponent)-more"
        try copy.makeFolder(neighbour)
        try copy.write("\(neighbour)/labels.txt", Data(contentsOf: copy.place("labels.txt")))
        try copy.remove("labels.txt")
        try copy.link("labels.txt", to: "\(neighbour)/labels.txt")
        let error = try refusal { _ = try ModelBundle(folder: copy.folder) }
        XCTAssert(error.message.hasSuffix("labels.txt` is a link out of the bundle"), error.message)
        try copy.remove("manifest.json")
        try copy.link("manifest.json", to: "manifest.json")
        let circle = try refusal { _ = try ModelBundle(folder: copy.folder) }
        XCTAssert(circle.message.hasSuffix("manifest.json` is a link to nothing"), circle.message)
    }

    func testALinkInAPackageIsRefused() throws {
        let copy = try CopiedBundle("links-package")
        let bundle = try ModelBundle(folder: copy.folder)
        let artifact = try XCTUnwrap(
            bundle.manifest.artifacts.first { $0.file.hasSuffix(".mlpackage") })
        try copy.link("\(artifact.file)/Data/more", to: ".")
        let error = try refusal { _ = try bundle.check(artifact) }
        XCTAssert(error.message.contains("Data/more` is a link"), error.message)
    }

    private func refusal(of action: () throws -> Void) throws -> MobileViTError {
        do {
            try action()
        } catch let error as MobileViTError {
            XCTAssertEqual(error.kind, .bundle)
            return error
        }
        return try XCTUnwrap(nil as MobileViTError?, "it was not refused")
    }
}
