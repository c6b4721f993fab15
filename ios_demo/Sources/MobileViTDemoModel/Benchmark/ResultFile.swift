import Foundation
import MobileViTCore

/// Writes a result's JSON where it can be shared from, and takes away the ones before it.
///
/// - Parameters:
///   - folder: of results only; made where it is not there.
///   - device: a model's name, for the file's.
/// - Throws: `MobileViTError` of kind `storage`: it cannot be written; nothing is left of it then.
func writeResult(_ json: String, into folder: URL, created: Date, device: String?) throws -> URL {
    let files = FileManager.default
    let file = folder.appendingPathComponent(resultName(created: created, device: device))
    do {
        try files.createDirectory(at: folder, withIntermediateDirectories: true)
        let before = try files.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        for other in before where other.pathExtension == "json" {
            try files.removeItem(at: other)
        }
        try writeWhole(Data(json.utf8), to: file)
    } catch let error as CocoaError {
        throw MobileViTError(
            .storage, "the result cannot be written: \(reason(error))",
            hint: "free some space, then share again")
    }
    return file
}

/// Such as `mobilevit-benchmark-iphone-15-pro-20261123-021600.json`.
func resultName(created: Date, device: String?, zone: TimeZone = .current) -> String {
    let words = (device ?? "").lowercased().split { !$0.isASCII || !($0.isLetter || $0.isNumber) }
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    let parts = calendar.dateComponents(
        [.year, .month, .day, .hour, .minute, .second], from: created)
    let digits = { (part: Int?, width: Int) in
        let text = String(part ?? 0)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    let day = digits(parts.year, 4) + digits(parts.month, 2) + digits(parts.day, 2)
    let time = digits(parts.hour, 2) + digits(parts.minute, 2) + digits(parts.second, 2)
    let name = ["mobilevit", "benchmark"] + words.map(String.init) + [day, time]
    return name.joined(separator: "-") + ".json"
}

/// Writes a file aside and renames it, so that there is the whole of it or none.
private func writeWhole(_ bytes: Data, to file: URL) throws {
    let aside = file.appendingPathExtension("part")
    do {
        try bytes.write(to: aside)
        try FileManager.default.moveItem(at: aside, to: file)
    } catch {
        // nothing is lost: what it failed with is thrown, and it may not even be there
        try? FileManager.default.removeItem(at: aside)
        throw error
    }
}

/// The system's own words where it has some.
private func reason(_ error: CocoaError) -> String {
    switch error.code {
    case .fileWriteOutOfSpace: "there is no space left"
    default: (error.underlying ?? error).localizedDescription
    }
}
