import Foundation

/// A bundle in a folder, whose manifest and labels were read and checked; every file that is read of
/// it later is checked against its hash.
public struct ModelBundle: Sendable {
    public let folder: URL
    public let manifest: Manifest
    /// In the order of the outputs.
    public let labels: [String]

    /// - Throws: `MobileViTError` of kind `bundle`: none, of a newer schema, or changed since it was
    ///   exported.
    public init(folder: URL) throws {
        self.folder = folder
        guard let bytes = try contents(of: manifestFile, in: folder) else {
            throw MobileViTError(
                .bundle, "`\(folder.shown)` is not a bundle: it has no \(manifestFile)",
                hint: "put a bundle into the app with `mobilevit embed BUNDLE APP_DIR`")
        }
        let name = folder.appendingPathComponent(manifestFile).shown
        manifest = try readManifest(bytes, name: name)
        labels = try readLabels(manifest.labels, in: folder)
    }

    /// The bytes of a file that the manifest lists.
    ///
    /// - Throws: `MobileViTError` of kind `bundle`: missing, or not the file that was exported.
    public func read(_ path: String, sha256: String) throws -> Data {
        try readFile(path, sha256, in: folder)
    }

    /// Where an artifact lies, a file or the folder of an `.mlpackage`, once its hash was compared.
    ///
    /// - Throws: `MobileViTError` of kind `bundle`: missing, or not what was exported.
    public func check(_ artifact: ArtifactRecord) throws -> URL {
        let file = folder.appendingPathComponent(artifact.file)
        guard let real = try findFile(artifact.file, in: folder) else { throw missing(file) }
        guard try hashArtifact(real) == artifact.sha256 else { throw changed(file) }
        return file
    }

    /// The artifact of this file name.
    ///
    /// - Throws: `MobileViTError` of kind `bundle`: there is none.
    public func artifact(_ file: String) throws -> ArtifactRecord {
        if let artifact = manifest.artifacts.first(where: { $0.file == file }) { return artifact }
        let names = manifest.artifacts.map(\.file).joined(separator: ", ")
        throw MobileViTError(
            .bundle, "`\(folder.shown)` has no artifact `\(file)`", hint: "it has \(names)")
    }
}

private let manifestFile = "manifest.json"

private func readLabels(_ record: LabelsRecord, in folder: URL) throws -> [String] {
    let bytes = try readFile(record.file, record.sha256, in: folder)
    let file = folder.appendingPathComponent(record.file).shown
    let text = String(decoding: bytes, as: UTF8.self)
    // what is not UTF-8 was repaired, and is no longer what it was
    guard text.utf8.elementsEqual(bytes) else {
        throw MobileViTError(
            .bundle, "`\(file)` cannot be read: it is not UTF-8", hint: exportAgain)
    }
    let labels = splitLines(text)
    guard labels.count == record.count else {
        throw MobileViTError(
            .bundle, "`\(file)` has \(labels.count) labels, the manifest says \(record.count)",
            hint: exportAgain)
    }
    return labels
}

private func readFile(_ path: String, _ digest: String, in folder: URL) throws -> Data {
    let file = folder.appendingPathComponent(path)
    guard let bytes = try contents(of: path, in: folder) else { throw missing(file) }
    guard try sha256(bytes) == digest else { throw changed(file) }
    return bytes
}

/// Nil where there is no such file.
private func contents(of path: String, in folder: URL) throws -> Data? {
    guard let real = try findFile(path, in: folder) else { return nil }
    let file = folder.appendingPathComponent(path)
    let values = try reading(file) { try real.resourceValues(forKeys: [.isRegularFileKey]) }
    guard values.isRegularFile == true else {
        throw MobileViTError(.bundle, "`\(file.shown)` is not a file", hint: exportAgain)
    }
    return try reading(file) { try Data(contentsOf: real) }
}

private func missing(_ file: URL) -> MobileViTError {
    MobileViTError(.bundle, "`\(file.shown)` is missing", hint: exportAgain)
}

private func changed(_ file: URL) -> MobileViTError {
    MobileViTError(.bundle, "`\(file.shown)` is not the file that was exported", hint: exportAgain)
}
