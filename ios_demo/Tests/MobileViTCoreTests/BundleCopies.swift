import Foundation
import MobileViTFixtures

@testable import MobileViTCore

/// A copy of the exported bundle, to be changed.
struct CopiedBundle {
    let folder: URL

    init(_ name: String) throws {
        folder = try Inputs.out("bundle-\(name)").appendingPathComponent("bundle")
        try FileManager.default.copyItem(at: Inputs.bundle(), to: folder)
    }

    func place(_ path: String) -> URL { folder.appendingPathComponent(path) }

    func text(_ path: String) throws -> String {
        try String(contentsOf: place(path), encoding: .utf8)
    }

    func write(_ path: String, _ content: Data) throws { try content.write(to: place(path)) }

    func change(_ path: String, _ edit: (inout [UInt8]) -> Void) throws {
        var bytes = [UInt8](try Data(contentsOf: place(path)))
        edit(&bytes)
        try write(path, Data(bytes))
    }

    func remove(_ path: String) throws { try FileManager.default.removeItem(at: place(path)) }

    func move(_ path: String, to new: String) throws {
        try FileManager.default.moveItem(at: place(path), to: place(new))
    }

    func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(
            at: place(path), withIntermediateDirectories: false)
    }

    func link(_ path: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: place(path).path, withDestinationPath: target)
    }

    /// The file itself, or the largest one in a folder.
    func largestFile(in path: String) throws -> String {
        let manager = FileManager.default
        let names = try? manager.subpathsOfDirectory(atPath: place(path).path)  // none of a file
        let files = (names ?? []).map { "\(path)/\($0)" }
        return try files.max { try size($0) < size($1) } ?? path
    }

    private func size(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: place(path).path)
        return attributes[.type] as? FileAttributeType == .typeRegular
            ? attributes[.size] as? Int ?? 0 : 0
    }

    /// Other labels, and a manifest that says so.
    func relabel(_ labels: Data) throws {
        let manifest = try readManifest(
            Data(contentsOf: place("manifest.json")), name: "manifest.json")
        let text = try text("manifest.json")
            .replacingOccurrences(of: manifest.labels.sha256, with: sha256(labels))
            .replacingOccurrences(of: manifest.digest, with: String(repeating: "0", count: 64))
        let digest = try sha256(Data(text.utf8))
        let end = text.suffix(4)  // `"`, a line feed, `}`, a line feed
        try write("labels.txt", labels)
        try write("manifest.json", Data((text.dropLast(64 + 4) + digest + end).utf8))
    }
}
