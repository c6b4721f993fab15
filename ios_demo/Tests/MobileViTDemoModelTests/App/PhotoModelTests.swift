import Foundation
import MobileViTCore
import MobileViTFixtures
import XCTest

@testable import MobileViTDemoModel

@MainActor
final class PhotoModelTests: XCTestCase, @unchecked Sendable {  // it keeps nothing
    private func bench(_ locale: String = "en_US", bundle: URL? = nil) throws -> AppBench {
        let bench = try AppBench(bundle: bundle, locale: locale)
        bench.app.phaseIs(.active)
        bench.app.select(.photo)
        return bench
    }

    private func file(_ bytes: Data) throws -> URL {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try bytes.write(to: file)
        return file
    }

    func testAPhotoHasTheLabelAndTheProbabilityThatTheReferenceGivesIt() async throws {
        let bench = try bench()
        XCTAssertEqual(bench.app.photo.state.choice, "Choose a photo")
        for index in 0..<4 {
            let golden = try Golden(index)
            let picked = try golden.picked()
            bench.app.photo.look { picked }
            XCTAssertEqual(bench.app.photo.state.scene, .looking)
            XCTAssertNil(bench.app.photo.state.picture)
            try await bench.wait(for: golden.label) { bench.photoCard != nil }
            let card = try XCTUnwrap(bench.photoCard)
            XCTAssertEqual(card.first.label, golden.label)
            XCTAssertEqual(card.confidence, golden.probability, accuracy: 1e-4)
            XCTAssertEqual(card.runnersUp.count, 4)
            XCTAssertEqual(bench.app.photo.state.picture, golden.image)
            XCTAssertEqual(bench.app.photo.state.choice, "Another photo")
            XCTAssertEqual(bench.said.words.last, card.spoken)
        }
    }

    func testNumbersAreWrittenAsWhereThePhoneLives() async throws {
        let golden = try Golden(0)
        let bench = try bench("de_DE")
        let picked = try golden.picked()
        bench.app.photo.look { picked }
        try await bench.wait(for: golden.label) { bench.photoCard != nil }
        let card = try XCTUnwrap(bench.photoCard)
        XCTAssertTrue(card.first.percent.hasSuffix("\u{a0}%"), card.first.percent)
        XCTAssertNotNil(
            card.timing.range(of: #"^\d+,\d ms \(\d+,\d ms"#, options: .regularExpression))
    }

    func testAFileThatIsNoImageIsSaidToBeNoneAndAnotherOneIsNamedAfterIt() async throws {
        let bench = try bench()
        let none = try file(Data("no image".utf8))
        bench.app.photo.look { none }
        try await bench.wait(for: "the problem") { bench.photoProblem != nil }
        XCTAssertEqual(bench.photoProblem?.title, "This photo cannot be used")
        XCTAssertEqual(
            bench.photoProblem?.text, "This is not an image.\n\nWhat helps: choose another.")
        XCTAssertNil(bench.photoProblem?.wayOut)
        XCTAssertTrue(bench.said.words.last?.hasPrefix("This photo cannot be used.") ?? false)
        let picked = try Golden(0).picked()
        bench.app.photo.look { picked }
        try await bench.wait(for: "the label") { bench.photoCard != nil }
        XCTAssertFalse(FileManager.default.fileExists(atPath: none.path), "a copy is removed")
    }

    func testAFileThatIsGoneEmptyOrEnormousIsToldBeforeItIsDecoded() async throws {
        let bench = try bench()
        let gone = FileManager.default.temporaryDirectory.appendingPathComponent("gone.jpg")
        let enormous = try file(Data())
        let handle = try FileHandle(forWritingTo: enormous)
        try handle.truncate(atOffset: UInt64(Photo.most) + (1 << 20))
        try handle.close()
        let cases: [(URL, String)] = [
            (gone, "The photo cannot be read: "), (try file(Data()), "This is not an image"),
            (enormous, "The photo is a file of 257 MB, more than 256 MB."),
        ]
        for (file, words) in cases {
            bench.app.photo.look { file }
            try await bench.wait(for: words) { bench.photoProblem != nil }
            let problem = try XCTUnwrap(bench.photoProblem)
            XCTAssertTrue(problem.text.hasPrefix(words), problem.text)
            XCTAssertEqual(problem.title, "This photo cannot be used")
        }
    }

    func testWhatIsNotHandedOverIsToldInWords() async throws {
        struct NoNetwork: LocalizedError {
            var errorDescription: String? { "The network connection was lost" }
        }
        let bench = try bench()
        bench.app.photo.look { nil }
        try await bench.wait(for: "the problem") { bench.photoProblem != nil }
        XCTAssertEqual(
            bench.photoProblem?.text, "What was chosen is no image.\n\nWhat helps: choose a photo.")
        bench.app.photo.look { throw NoNetwork() }
        try await bench.wait(for: "the next problem") {
            bench.photoProblem?.text.contains("The network connection was lost") ?? false
        }
        XCTAssertTrue(bench.photoProblem?.text.contains("needs a connection") ?? false)
    }

    func testTheLastChosenPhotoCounts() async throws {
        let bench = try bench()
        let (slow, fast) = (try Golden(0), try Golden(1))
        let (slowFile, fastFile) = (try slow.picked(), try fast.picked())
        let gate = Gate()
        bench.app.photo.look {
            await gate.pass()
            return slowFile
        }
        bench.app.photo.look { fastFile }
        try await bench.wait(for: fast.label) { bench.photoCard != nil }
        gate.open()
        try await bench.wait(for: "the end of the slow one") {
            !FileManager.default.fileExists(atPath: slowFile.path)
        }
        XCTAssertEqual(bench.photoCard?.first.label, fast.label)
        XCTAssertEqual(bench.app.photo.state.picture, fast.image)
    }

    func testAPhotoThatIsInterruptedStartsOverWhenItIsSeenAgain() async throws {
        let golden = try Golden(0)
        let ways: [(AppBench) -> (away: () -> Void, back: () -> Void)] = [
            { bench in
                ({ bench.app.phaseIs(.background) }, { bench.app.phaseIs(.active) })
            },
            { bench in ({ bench.app.select(.selfTest) }, { bench.app.select(.photo) }) },
            { bench in
                (
                    {
                        bench.app.phaseIs(.background)
                        bench.app.memoryIsShort()
                    }, { bench.app.phaseIs(.active) }
                )
            },
        ]
        for way in ways {
            let bench = try bench()
            // nothing but the tab keeps the photo from its label
            try await bench.start()
            let (away, back) = way(bench)
            let picked = try golden.picked()
            let gate = Gate()
            bench.app.photo.look {
                await gate.pass()
                return picked
            }
            away()
            gate.open()
            try await Task.sleep(for: .milliseconds(100))
            XCTAssertEqual(bench.app.photo.state.scene, .looking, "nothing is computed unseen")
            back()
            // once more, in the middle of it
            away()
            back()
            try await bench.wait(for: golden.label) { bench.photoCard != nil }
            XCTAssertEqual(bench.photoCard?.first.label, golden.label)
        }
    }

    func testAModelThatDoesNotOpenIsTriedAgainWithTheSamePhoto() async throws {
        let folder = try bundle("photo-missing") { try FileManager.default.removeItem(at: $0) }
        let bench = try bench(bundle: folder)
        let golden = try Golden(0)
        let picked = try golden.picked()
        bench.app.photo.look { picked }
        try await bench.wait(for: "the problem") { bench.photoProblem != nil }
        XCTAssertEqual(bench.photoProblem?.title, "The model cannot be opened")
        XCTAssertEqual(bench.photoProblem?.wayOut, .reopenModel)
        try FileManager.default.copyItem(at: Inputs.bundle(), to: folder)
        bench.app.photo.take(.reopenModel)
        try await bench.wait(for: golden.label) { bench.photoCard != nil }
        XCTAssertEqual(bench.photoCard?.first.label, golden.label)
    }

    func testAPhotoOfAnotherAppIsShownOnItsTab() async throws {
        let bench = try AppBench()
        bench.app.phaseIs(.active)
        let picked = try Golden(2).picked()
        bench.app.look { picked }
        XCTAssertEqual(bench.app.state.tab, .photo)
        XCTAssertNil(bench.camera.frames)
        try await bench.wait(for: "the label") { bench.photoCard != nil }
    }

    func testALargePhotoIsShrunkForTheEye() async throws {
        let (width, height) = (37, 11)
        var random = SeededGenerator(seed: 7)
        let pixels = (0..<3 * width * height).map { _ in UInt8.random(in: 0...255, using: &random) }
        let image = try RGBImage(width: width, height: height, pixels: pixels)
        XCTAssertEqual(image.shrunk(toSide: 37), image)
        let half = image.shrunk(toSide: 20)
        XCTAssertEqual([half.width, half.height], [18, 5])
        for (x, y, channel) in [(0, 0, 0), (17, 4, 2), (5, 3, 1)] {
            let squares = [(0, 0), (1, 0), (0, 1), (1, 1)].map { dx, dy in
                Int(pixels[3 * ((2 * y + dy) * width + 2 * x + dx) + channel])
            }
            XCTAssertEqual(
                Int(half.pixels[3 * (y * 18 + x) + channel]), squares.reduce(0, +) / 4)
        }
        // so narrow that one side would vanish
        let line = try RGBImage(width: 1000, height: 1, pixels: [UInt8](repeating: 9, count: 3000))
        XCTAssertEqual(
            [line.shrunk(toSide: 100).width, line.shrunk(toSide: 100).height], [100, 1])
    }
}

/// Holds a task up until it is opened.
@MainActor
final class Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func pass() async {
        if isOpen { return }
        await withCheckedContinuation { waiting.append($0) }
    }

    func open() {
        isOpen = true
        for task in waiting { task.resume() }
        waiting = []
    }
}
