import Foundation
import MobileViTCore
import MobileViTFixtures

/// A copy of the exported bundle with another artifact or manifest, signed again as if it were right.
///
/// - Parameters:
///   - name: of the copy's folder.
///   - artifact: what is made of the file's bytes.
///   - manifest: what is made of the manifest's text.
func signedBundle(
    _ name: String, _ file: String, artifact: (Data) -> Data = { $0 },
    manifest: (String) -> String = { $0 }
) throws -> ModelBundle {
    let folder = try Inputs.out("signed-\(name)").appendingPathComponent("bundle")
    try FileManager.default.copyItem(at: Inputs.bundle(), to: folder)
    let exported = try ModelBundle(folder: folder)
    let place = folder.appendingPathComponent(file)
    let changed = artifact(try Data(contentsOf: place))
    try changed.write(to: place)

    let zeros = String(repeating: "0", count: 64)
    let json = folder.appendingPathComponent("manifest.json")
    let unsigned = manifest(try String(contentsOf: json, encoding: .utf8))
        .replacingOccurrences(of: try exported.artifact(file).sha256, with: try sha256(changed))
        .replacingOccurrences(of: exported.manifest.digest, with: zeros)
    let signed = unsigned.replacingOccurrences(of: zeros, with: try sha256(Data(unsigned.utf8)))
    try Data(signed.utf8).write(to: json)
    return try ModelBundle(folder: folder)
}

/// Some weights with another exponent: as of a file that rotted, or of another training.
func flipWeights(_ artifact: Data) -> Data {
    var flipped = artifact
    let middle = flipped.count / 2
    for index in middle..<middle + 256 { flipped[index] ^= 0x40 }
    return flipped
}
