import Foundation

/// The digest of a manifest that has none.
let unsignedDigest = String(repeating: "0", count: 64)

/// Reads `manifest.json`, as `read_manifest` of mobilevit/bundle.py does: what it accepts is accepted,
/// what it refuses is refused, with its words.
///
/// - Parameter name: of the file in messages.
/// - Throws: `MobileViTError` of kind `bundle`.
func readManifest(_ bytes: Data, name: String) throws -> Manifest {
    let manifest: Manifest
    do {
        let document = Located(try parseJSON(bytes))
        let version = try schemaVersion(document)
        guard Int(version) == SchemaVersion.read else {
            throw MobileViTError(
                .bundle,
                "`\(name)` has schema version \(version), and this release reads "
                    + "\(SchemaVersion.read)",
                hint: "upgrade mobilevit-sdk")
        }
        manifest = try document.decode(Manifest.self)
        try manifest.checkFit()
    } catch let error as DecodingError {
        throw MobileViTError(
            .bundle, "`\(name)` is not a manifest this version understands: \(error.fault)",
            hint: exportAgain)
    }
    try checkDigest(of: bytes, manifest.digest, name: name)
    return manifest
}

/// Before all else: a newer schema may have other fields.
private func schemaVersion(_ document: Located) throws -> String {
    let name = "schema_version"
    guard let version = try document.object()[name] else {
        throw document.member(name, .null).fault("Field required")
    }
    return try document.member(name, version).decode(Positive.self).literal
}

private func checkDigest(of bytes: Data, _ digest: String, name: String) throws {
    if try signature(of: bytes, digest) == digest { return }
    if try signature(of: withUnixLineEnds(bytes), digest) == digest {
        throw MobileViTError(
            .bundle, "the line ends of `\(name)` were changed, as Git does on Windows",
            hint: "mark the bundle's folder `-text` in .gitattributes, and copy it again")
    }
    throw MobileViTError(.bundle, "`\(name)` was changed after it was written", hint: exportAgain)
}

/// SHA-256 of the file with its digest, where these digits stand last, as zeros.
private func signature(of bytes: Data, _ digest: String) throws -> String {
    var bytes = bytes
    if let place = bytes.range(of: Data(digest.utf8), options: .backwards) {
        bytes.replaceSubrange(place, with: Data(unsignedDigest.utf8))
    }
    return try sha256(bytes)
}

private func withUnixLineEnds(_ bytes: Data) -> Data {
    var unix = Data(capacity: bytes.count)
    for (byte, next) in zip(bytes, bytes.dropFirst()) where byte != 0x0d || next != 0x0a {
        unix.append(byte)
    }
    unix.append(contentsOf: bytes.suffix(1))
    return unix
}
