import Foundation

/// Compiled models in a folder, each under the SHA-256 of its artifact and the build of the system
/// that compiled it: where either is another, there is none.
///
/// A model gets its name with one rename, so what has a name is whole. What another build compiled is
/// removed, and of this build's all but the last used.
public struct CompiledModels: Sendable {
    public let folder: URL
    private let system: String
    private let limit: Int

    /// - Parameters:
    ///   - folder: made with the first model.
    ///   - system: any text that changes with the system's build.
    ///   - limit: how many are kept.
    public init(
        folder: URL, system: String = ProcessInfo.processInfo.operatingSystemVersionString,
        limit: Int = 4
    ) {
        self.folder = folder
        self.system = String(
            system.lowercased().map { $0.isASCII && $0.isLetterOrDigit ? $0 : "-" })
        self.limit = limit
    }

    /// The model that this build of the system compiled of an artifact; nil: none is kept.
    ///
    /// - Throws: `MobileViTError` of kind `input`: this is no SHA-256.
    public func find(_ sha256: String) throws -> URL? {
        let model = try location(of: sha256)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: model.path, isDirectory: &isFolder),
            isFolder.boolValue
        else { return nil }
        // without it, only the order in which models are removed is another
        try? FileManager.default.setAttributes(
            [.modificationDate: Date()], ofItemAtPath: model.path)
        return model
    }

    /// Moves a compiled model here, or removes it where that fails.
    ///
    /// - Returns: where it is now, or where another task put its own meanwhile.
    /// - Throws: `MobileViTError` of kind `storage`: the disk is full, or the folder cannot be written;
    ///   of kind `input`: this is no SHA-256.
    public func keep(_ compiled: URL, of sha256: String) throws -> URL {
        let files = FileManager.default
        let model = try location(of: sha256)
        let incoming = folder.appendingPathComponent("\(UUID().uuidString).\(Self.incoming)")
        do {
            try makeFolder()
            // from another volume this copies, and may be cut off
            try files.moveItem(at: compiled, to: incoming)
            do {
                try files.moveItem(at: incoming, to: model)
            } catch {
                guard try find(sha256) != nil else { throw error }
                try files.removeItem(at: incoming)
            }
        } catch {
            // one of them is not there; what is left of the other would only fill the disk
            for rest in [incoming, compiled] { try? files.removeItem(at: rest) }
            throw MobileViTError(
                .storage,
                "the compiled model cannot be kept in `\(folder.path)`: \(error.localizedDescription)",
                hint: "free some space")
        }
        removeOld(sparing: model)
        return model
    }

    /// Removes what is kept of an artifact.
    ///
    /// - Throws: `MobileViTError` of kind `storage`: it cannot be removed; of kind `input`: this is no
    ///   SHA-256.
    public func discard(_ sha256: String) throws {
        let model = try location(of: sha256)
        guard FileManager.default.fileExists(atPath: model.path) else { return }
        do {
            try FileManager.default.removeItem(at: model)
        } catch {
            throw MobileViTError(
                .storage, "`\(model.path)` cannot be removed: \(error.localizedDescription)")
        }
    }

    private static let incoming = "incoming"
    private static let suffix = "mlmodelc"

    private func location(of sha256: String) throws -> URL {
        guard sha256.count == 64, sha256.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            throw MobileViTError(.input, "`\(sha256)` is no SHA-256")
        }
        return folder.appendingPathComponent(
            "\(sha256)-\(system).\(Self.suffix)", isDirectory: true)
    }

    private func makeFolder() throws {
        var folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // what can be made again is not to fill a backup
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        try folder.setResourceValues(values)
    }

    private func removeOld(sparing model: URL) {
        let files = FileManager.default
        // what cannot be listed or removed takes space, and is tried again with the next model
        let names = (try? files.contentsOfDirectory(atPath: folder.path)) ?? []
        let aged = names.filter { $0 != model.lastPathComponent }.map { name in
            let item = folder.appendingPathComponent(name)
            let attributes = try? files.attributesOfItem(atPath: item.path)
            let used = attributes?[.modificationDate] as? Date ?? .distantPast
            return (item: item, used: used)
        }
        let kept = aged.filter { $0.item.lastPathComponent.hasSuffix("-\(system).\(Self.suffix)") }
        let foreign = aged.filter { entry in
            entry.item.pathExtension == Self.suffix
                && !kept.contains { $0.item == entry.item }
        }
        // a task may be at what came within the hour
        let cutOff = aged.filter {
            $0.item.pathExtension == Self.incoming && $0.used < Date(timeIntervalSinceNow: -3600)
        }
        let surplus = kept.sorted { $0.used > $1.used }.dropFirst(max(limit - 1, 0))
        for old in foreign + cutOff + surplus {
            try? files.removeItem(at: old.item)
        }
    }
}

extension Character {
    fileprivate var isLetterOrDigit: Bool { isLetter || isNumber }
}
