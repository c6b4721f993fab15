import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

final class CompiledModelsTests: XCTestCase {
    private let first = String(repeating: "a1", count: 32)
    private let second = String(repeating: "b2", count: 32)
    private let files = FileManager.default

    func testAModelIsKeptWholeAndFoundAgain() throws {
        let models = try self.models()
        XCTAssertNil(try models.find(first))
        let compiled = try compile("one")
        let kept = try models.keep(compiled, of: first)
        XCTAssertFalse(files.fileExists(atPath: compiled.path))
        XCTAssertEqual(try text(of: kept), "one")
        XCTAssertEqual(try models.find(first), kept)
        XCTAssertNil(try models.find(second))
        XCTAssertEqual(kept.pathExtension, "mlmodelc")
        XCTAssertEqual(try names(in: models).count, 1)
    }

    func testAnotherBuildOfTheSystemCompilesAnewAndTheOldModelGoes() throws {
        let before = try models(system: "Version 17.4 (Build 21E219)")
        _ = try before.keep(compile("old"), of: first)
        let after = CompiledModels(folder: before.folder, system: "Version 17.4 (Build 21E236)")
        XCTAssertNil(try after.find(first))
        let kept = try after.keep(compile("new"), of: first)
        XCTAssertEqual(try text(of: kept), "new")
        XCTAssertEqual(try names(in: after), [kept.lastPathComponent])
        XCTAssertNil(try before.find(first))
    }

    func testWhatWasCutOffOnItsWayIsNeverFoundAndGoesInTime() throws {
        let models = try self.models()
        try files.createDirectory(at: models.folder, withIntermediateDirectories: true)
        let cutOff = models.folder.appendingPathComponent("\(UUID().uuidString).incoming")
        try files.moveItem(at: try compile("half"), to: cutOff)
        XCTAssertNil(try models.find(first))
        _ = try models.keep(compile("one"), of: first)
        XCTAssertTrue(files.fileExists(atPath: cutOff.path), "a task may be at it")
        let yesterday = Date(timeIntervalSinceNow: -86400)
        try files.setAttributes([.modificationDate: yesterday], ofItemAtPath: cutOff.path)
        _ = try models.keep(compile("two"), of: second)
        XCTAssertFalse(files.fileExists(atPath: cutOff.path))
        XCTAssertEqual(try names(in: models).count, 2)
    }

    func testAFileInTheModelsPlaceIsNoModel() throws {
        let models = try self.models()
        let kept = try models.keep(compile("one"), of: first)
        try files.removeItem(at: kept)
        try Data("one".utf8).write(to: kept)
        XCTAssertNil(try models.find(first))
        XCTAssertThrowsError(try models.keep(compile("two"), of: first)) {
            XCTAssertEqual(($0 as? MobileViTError)?.kind, .storage)
        }
    }

    func testOfTwoTasksTheFirstOnesModelStays() throws {
        let models = try self.models()
        let kept = try models.keep(compile("one"), of: first)
        XCTAssertEqual(try models.keep(compile("the other's"), of: first), kept)
        XCTAssertEqual(try text(of: kept), "one")
        XCTAssertEqual(try names(in: models), [kept.lastPathComponent])
    }

    func testTheLastUsedAreKept() throws {
        let models = try self.models(limit: 2)
        let third = String(repeating: "c3", count: 32)
        for (hash, age) in [(first, 30.0), (second, 20)] {
            let kept = try models.keep(compile(hash), of: hash)
            let then = Date(timeIntervalSinceNow: -age)
            try files.setAttributes([.modificationDate: then], ofItemAtPath: kept.path)
        }
        XCTAssertNotNil(try models.find(first))  // and so it is used now
        _ = try models.keep(compile(third), of: third)
        XCTAssertNotNil(try models.find(first))
        XCTAssertNil(try models.find(second))
        XCTAssertNotNil(try models.find(third))
    }

    func testWhatIsNotOursStays() throws {
        let models = try self.models()
        try files.createDirectory(at: models.folder, withIntermediateDirectories: true)
        let other = models.folder.appendingPathComponent("notes.txt")
        try Data().write(to: other)
        _ = try models.keep(compile("one"), of: first)
        XCTAssertTrue(files.fileExists(atPath: other.path))
    }

    func testADiscardedModelIsGoneAndCanComeAgain() throws {
        let models = try self.models()
        try models.discard(first)
        _ = try models.keep(compile("one"), of: first)
        try models.discard(first)
        XCTAssertNil(try models.find(first))
        XCTAssertEqual(try text(of: models.keep(compile("two"), of: first)), "two")
    }

    func testAPlaceThatCannotBeWrittenIsToldInWords() throws {
        let folder = try Inputs.out("compiled-models").appendingPathComponent("file")
        try Data().write(to: folder)
        let models = CompiledModels(folder: folder)
        let compiled = try compile("one")
        XCTAssertThrowsError(try models.keep(compiled, of: first)) { error in
            let error = error as? MobileViTError
            XCTAssertEqual(error?.kind, .storage)
            XCTAssertEqual(error?.message.contains(folder.path), true)
        }
        XCTAssertFalse(files.fileExists(atPath: compiled.path), "it would fill the disk")
    }

    func testANameThatIsNoHashIsRefused() throws {
        let models = try self.models()
        for name in [
            "", "../\(first)", String(first.dropLast()), String(repeating: "g", count: 64),
        ] {
            XCTAssertThrowsError(try models.find(name)) {
                XCTAssertEqual(($0 as? MobileViTError)?.kind, .input)
            }
            XCTAssertThrowsError(try models.keep(compile("one"), of: name))
        }
    }

    private func models(system: String = "build 1", limit: Int = 4) throws -> CompiledModels {
        let folder = try Inputs.out("compiled-models").appendingPathComponent("kept")
        return CompiledModels(folder: folder, system: system, limit: limit)
    }

    /// A folder with a file, in the place of what Core ML compiles.
    private func compile(_ content: String) throws -> URL {
        let model = files.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).mlmodelc")
        try files.createDirectory(at: model, withIntermediateDirectories: true)
        try Data(content.utf8).write(to: model.appendingPathComponent("model.mil"))
        addTeardownBlock { [files] in
            if files.fileExists(atPath: model.path) { try files.removeItem(at: model) }
        }
        return model
    }

    private func text(of model: URL) throws -> String {
        String(
            decoding: try Data(contentsOf: model.appendingPathComponent("model.mil")), as: UTF8.self
        )
    }

    private func names(in models: CompiledModels) throws -> [String] {
        try files.contentsOfDirectory(atPath: models.folder.path).sorted()
    }
}
