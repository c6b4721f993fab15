import Foundation

/// The SHA-256 of a file or of a folder, as manifests and plans have it. That of a folder is that of
/// a line for each file in it, `<sha256>  <path>`, sorted by path.
///
/// - Throws: `MobileViTError` of kind `bundle`: it cannot be read, or is a folder that holds a link.
public func hashArtifact(_ artifact: URL) throws -> String {
    switch try kind(of: artifact.resolvingSymlinksInPath()) {
    case .typeRegular:
        return try hashFile(artifact)
    case .typeDirectory:
        var lines = ""
        for path in try files(in: artifact) {
            lines += "\(try hashFile(artifact.appendingPathComponent(path)))  \(path)\n"
        }
        return try sha256(Data(lines.utf8))
    default:
        throw neitherFileNorFolder(artifact)
    }
}

private func kind(of file: URL) throws -> FileAttributeType {
    let attributes = try reading(file) {
        try FileManager.default.attributesOfItem(atPath: file.path)
    }
    return attributes[.type] as? FileAttributeType ?? .typeUnknown
}

/// Paths relative to the folder, hidden files too, sorted by their bytes.
private func files(in folder: URL) throws -> [String] {
    var files: [String] = []
    var folders = [""]
    while let place = folders.popLast() {
        let content = folder.appendingPathComponent(place)
        for name in try reading(
            content, { try FileManager.default.contentsOfDirectory(atPath: content.path) })
        {
            let path = place.isEmpty ? name : "\(place)/\(name)"
            let file = folder.appendingPathComponent(path)
            switch try kind(of: file) {
            case .typeRegular: files.append(path)
            case .typeDirectory: folders.append(path)
            case .typeSymbolicLink:
                throw MobileViTError(
                    .bundle, "`\(file.shown)` is a link, and the folder of an artifact has none",
                    hint: exportAgain)
            default:
                throw neitherFileNorFolder(file)
            }
        }
    }
    return files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

private func neitherFileNorFolder(_ file: URL) -> MobileViTError {
    MobileViTError(
        .bundle, "`\(file.shown)` is neither a file nor a folder", hint: exportAgain)
}

private let pieceSize = 1 << 18  // bytes

private func hashFile(_ file: URL) throws -> String {
    var digest = try RunningDigest()
    guard let stream = InputStream(url: file) else {
        throw MobileViTError(.bundle, "`\(file.shown)` cannot be read", hint: exportAgain)
    }
    stream.open()
    defer { stream.close() }
    var piece = [UInt8](repeating: 0, count: pieceSize)
    while true {
        let count = stream.read(&piece, maxLength: piece.count)
        if count < 0 { throw unreadable(file, stream.streamError) }
        if count == 0 { return try digest.finish() }
        try piece.withUnsafeBytes { try digest.add(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
}
