import Foundation

let exportAgain = "export the bundle again, or copy it again"

/// Where a file or folder of a bundle lies. Links are followed as long as they stay in the bundle.
///
/// - Parameter path: with forward slashes, of a manifest that was read.
/// - Returns: nil where there is nothing.
/// - Throws: `MobileViTError` of kind `bundle`: a link that leads nowhere or out of the bundle.
func findFile(_ path: String, in bundle: URL) throws -> URL? {
    let file = bundle.appendingPathComponent(path)
    guard isThere(file) else { return nil }
    guard let real = realPath(file), let root = realPath(bundle) else {
        throw MobileViTError(.bundle, "`\(file.shown)` is a link to nothing", hint: exportAgain)
    }
    guard real.hasPrefix(root + "/") else {
        throw MobileViTError(
            .bundle, "`\(file.shown)` is a link out of the bundle", hint: exportAgain)
    }
    return URL(fileURLWithPath: real)
}

extension URL {
    /// As it was given.
    var shown: String { relativePath }
}

/// Also true of a link to nothing.
private func isThere(_ file: URL) -> Bool {
    // it fails where there is nothing, or where a file stands in the way
    (try? FileManager.default.attributesOfItem(atPath: file.path)) != nil
}

/// Behind all links; nil where one leads nowhere.
private func realPath(_ file: URL) -> String? {
    guard let path = realpath(file.path, nil) else { return nil }
    defer { free(path) }
    return String(cString: path)
}

/// - Throws: `MobileViTError` of kind `bundle` in the place of what the system throws.
func reading<Content>(_ file: URL, _ read: () throws -> Content) throws -> Content {
    do {
        return try read()
    } catch {
        throw unreadable(file, error)
    }
}

/// What is thrown in the place of what the system says.
func unreadable(_ file: URL, _ error: (any Error)?) -> MobileViTError {
    let reason = error.map { ": \($0.localizedDescription)" } ?? ""
    return MobileViTError(.bundle, "`\(file.shown)` cannot be read\(reason)", hint: exportAgain)
}
