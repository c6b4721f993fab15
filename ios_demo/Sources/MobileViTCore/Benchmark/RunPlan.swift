import Foundation

/// What can be timed, as one line of JSON: runtimes, each with its delegates.
public func describeRuntimes(_ runtimes: [any InferenceRuntime]) throws -> String {
    let offered = runtimes.map { ($0.name, $0.delegates) }
    return try encodeLine(Dictionary(offered, uniquingKeysWith: { first, _ in first }))
}

/// Reads the plan of a folder.
///
/// - Throws: `MobileViTError` of kind `input`: there is none, or it cannot be read.
public func readPlan(in folder: URL) throws -> Plan {
    let file = folder.appendingPathComponent(planFile)
    return try readPlan(readFile(file, named: file.path))
}

/// Reads the records that a run left, as far as their lines are whole.
///
/// - Throws: `MobileViTError` of kind `input`: there are none, or a line is no record.
public func readRecords(in folder: URL) throws -> [Record] {
    let file = folder.appendingPathComponent(recordsFile)
    let lines = try readFile(file, named: file.path).split(
        separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    do {
        return try lines.dropLast().map { try decodeStrictly(Record.self, from: $0) }
    } catch let error as DecodingError {
        throw MobileViTError(.input, "`\(file.path)` has a line that is no record: \(error.fault)")
    }
}

/// Runs a plan; each record is a line of `records.jsonl` in a folder, which is made, and is reported
/// once it is written there.
///
/// - Parameters:
///   - folder: where the artifacts and feeds that the plan names lie.
///   - records: the folder for the records; those of an older run there are lost.
///   - report: is given each record and its line, without a line feed.
/// - Throws: `MobileViTError`, of kind `storage` where records cannot be written;
///   `CancellationError`; what `report` throws.
public func runPlan(
    _ plan: Plan, folder: URL, records: URL, runtimes: [any InferenceRuntime],
    machine: any Machine, report: @escaping (Record, String) throws -> Void
) async throws {
    let file = try RecordsFile(in: records)
    try await conduct(plan, folder: folder, runtimes: runtimes, machine: machine) { record in
        let line = try encodeLine(record)
        try file.append(line)
        try report(record, line)
    }
}

/// Bytes of each case's artifact, by the id of the case.
///
/// - Throws: `MobileViTError` of kind `input`: one cannot be read.
public func artifactSizes(of plan: Plan, folder: URL) throws -> [String: Int] {
    var sizes: [String: Int] = [:]
    for planned in plan.cases {
        sizes[planned.id] = try size(
            of: folder.appendingPathComponent(planned.artifact), named: planned.artifact)
    }
    return sizes
}

private final class RecordsFile {
    private let file: URL
    private let handle: FileHandle

    init(in folder: URL) throws {
        let file = folder.appendingPathComponent(recordsFile)
        handle = try writing(file.path) {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data().write(to: file)
            return try FileHandle(forWritingTo: file)
        }
        self.file = file
    }

    /// In one write to the system, past any buffer of this process.
    func append(_ line: String) throws {
        try writing(file.path) { try handle.write(contentsOf: Data((line + "\n").utf8)) }
    }
}
