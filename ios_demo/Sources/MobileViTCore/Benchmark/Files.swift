import Foundation

/// The bytes of a file of a plan's folder.
///
/// - Throws: `MobileViTError` of kind `input`: it cannot be read.
func readFile(_ file: URL, named name: String) throws -> Data {
    do {
        return try Data(contentsOf: file)
    } catch let error as CocoaError {
        throw MobileViTError(.input, "cannot read `\(name)`: \(systemReason(error))")
    }
}

/// - Throws: `MobileViTError` of kind `storage`, where `write` throws the system's error.
func writing<Result>(_ name: String, _ write: () throws -> Result) throws -> Result {
    do {
        return try write()
    } catch let error as CocoaError {
        throw MobileViTError(.storage, "cannot write `\(name)`: \(systemReason(error))")
    } catch let error as POSIXError {
        throw MobileViTError(.storage, "cannot write `\(name)`: \(words(error))")
    }
}

private func systemReason(_ error: CocoaError) -> String {
    if let underlying = error.underlying as? POSIXError { return words(underlying) }
    switch error.code {
    case .fileNoSuchFile, .fileReadNoSuchFile: return words(POSIXError(.ENOENT))
    case .fileWriteOutOfSpace: return words(POSIXError(.ENOSPC))
    default: return error.localizedDescription
    }
}

private func words(_ error: POSIXError) -> String { String(cString: strerror(error.code.rawValue)) }

/// Bytes of a file, or of all files of a package.
///
/// - Throws: `MobileViTError` of kind `input`: it cannot be read.
func size(of artifact: URL, named name: String) throws -> Int {
    do {
        let keys: Set<URLResourceKey> = [.isDirectoryKey, .fileSizeKey]
        let values = try artifact.resourceValues(forKeys: keys)
        guard values.isDirectory == true else { return values.fileSize ?? 0 }
        return try FileManager.default
            .contentsOfDirectory(at: artifact, includingPropertiesForKeys: Array(keys))
            .reduce(0) { try $0 + size(of: $1, named: name) }
    } catch let error as CocoaError {
        throw MobileViTError(.input, "cannot read `\(name)`: \(systemReason(error))")
    }
}
