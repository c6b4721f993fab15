import Foundation

/// What can be told of an image file without decoding it, where the system's decoders are lenient:
/// they fill up what is missing of a file that was cut off.
public enum ImageFile {
    /// Refuses a file that is empty, or a JPEG or PNG that is cut off.
    ///
    /// - Throws: `MobileViTError` of kind `image`.
    public static func checkWhole(_ file: Data) throws {
        guard !file.isEmpty else {
            throw MobileViTError(.image, "the image is empty", hint: "choose another one")
        }
        guard file.withUnsafeBytes(isWhole) else { throw damaged("it is cut off") }
    }

    /// Why a decoder gave no image, or none to be trusted.
    public static func damaged(_ reason: String) -> MobileViTError {
        MobileViTError(
            .image, "the image cannot be decoded: \(reason)", hint: "choose an intact image")
    }

    /// By how much each side is divided while decoding, as memory ends before `maxPixels` do: 1, 2, 4
    /// or 8. The shorter side stays longer than any usual crop.
    public static func subsampling(width: Int, height: Int) -> Int {
        let mostPixels = 1 << 26  // 450 MB as samples and as RGB; phones of 2 GB allow an app 1.4
        let shortest = 1 << 11
        var factor = 1
        while factor < 8, min(width, height) / (2 * factor) >= shortest,
            Double(width / factor) * Double(height / factor) > Double(mostPixels)
        {
            factor *= 2
        }
        return factor
    }
}

private func isWhole(_ file: UnsafeRawBufferPointer) -> Bool {
    if file.starts(with: [0xff, 0xd8]) { return hasEndOfJPEG(file) }
    if file.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) {
        return hasEndOfPNG(file)
    }
    return true
}

/// Whether the picture is followed by EOI, whatever then comes: ITU-T T.81, B.1.1. A thumbnail in the
/// segments before the picture has one too.
private func hasEndOfJPEG(_ file: UnsafeRawBufferPointer) -> Bool {
    var at = 2
    while at + 4 <= file.count, file[at] == 0xff {
        switch file[at + 1] {
        case 0xff: at += 1  // a filler
        case 0x01, 0xd0...0xd8: at += 2  // no length follows
        case 0xda:
            return (at + 2..<file.count - 1).reversed().contains {
                file[$0] == 0xff && file[$0 + 1] == 0xd9
            }
        default: at += 2 + (Int(file[at + 2]) << 8 | Int(file[at + 3]))
        }
    }
    return false
}

/// Whether chunk follows on chunk up to IEND: PNG specification, section 5.
private func hasEndOfPNG(_ file: UnsafeRawBufferPointer) -> Bool {
    var at = 8
    while at + 12 <= file.count {  // the length of a chunk, its name and its checksum
        let length = file.loadUnaligned(fromByteOffset: at, as: UInt32.self).bigEndian
        let name = file.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self).bigEndian
        if name == 0x4945_4e44 { return true }  // IEND
        at += 12 + Int(length)
    }
    return false
}
