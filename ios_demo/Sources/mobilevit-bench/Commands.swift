import Foundation
import MobileViTCore

/// Arguments that ask for nothing.
struct WrongUsage: Error {
    let usage = """
        usage: mobilevit-bench PLAN_FOLDER RECORDS_FOLDER
               mobilevit-bench --describe
               mobilevit-bench --result BUNDLE PLAN_FOLDER RECORDS_FOLDER
               mobilevit-bench --root FOLDER --describe | --benchmark RUN | --forget RUN

        PLAN_FOLDER RECORDS_FOLDER: runs the plan; prints each record, and appends it to records.jsonl.
        --describe: prints what can be timed here, by runtime.
        --result: prints the result of the records of such a run, with the names of the bundle.
        --root FOLDER: does what the app on a phone does, in FOLDER as its Documents.
        """
}

/// - Parameter arguments: without the program's name.
/// - Throws: `WrongUsage`; `MobileViTError`; `CancellationError`.
func run(_ arguments: [String]) async throws {
    switch arguments.count {
    case 1 where arguments[0] == "--describe":
        try printLine(describeRuntimes(availableRuntimes()))
    case 2 where !arguments[0].hasPrefix("--"):
        let folder = URL(fileURLWithPath: arguments[0])
        try await runPlan(
            readPlan(in: folder), folder: folder, records: URL(fileURLWithPath: arguments[1]),
            runtimes: availableRuntimes(), machine: thisMachine()
        ) { _, line in try printLine(line) }
    case 4 where arguments[0] == "--result":
        let (bundle, folder, records) = (arguments[1], arguments[2], arguments[3])
        try printResult(
            bundle: URL(fileURLWithPath: bundle), folder: URL(fileURLWithPath: folder),
            records: URL(fileURLWithPath: records))
    case 3... where arguments[0] == "--root":
        guard let command = try BenchmarkCommand(arguments: Array(arguments.dropFirst(2))) else {
            throw WrongUsage()
        }
        let documents = URL(fileURLWithPath: arguments[1])
        try await carryOut(
            command, runs: documents.appendingPathComponent("mobilevit-benchmark"),
            runtimes: availableRuntimes(), machine: thisMachine(), printLine: printLine)
    default:
        throw WrongUsage()
    }
}

private func printResult(bundle: URL, folder: URL, records: URL) throws {
    let plan = try readPlan(in: folder)
    let told = try readRecords(in: records)
    let result = try resultJSON(
        of: told, plan: plan, manifest: ModelBundle(folder: bundle).manifest,
        sizes: artifactSizes(of: plan, folder: folder), created: Date(),
        stopped: told.last == .ended ? nil : "the records are cut off")
    guard let result else { throw MobileViTError(.input, "no round of any case was timed") }
    try printLine(result)
}

/// In one write, past any buffer of this process.
///
/// - Throws: `MobileViTError` of kind `storage`.
private func printLine(_ line: String) throws {
    do {
        try FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
    } catch {
        throw MobileViTError(
            .storage, "cannot write to the standard output: \(error.localizedDescription)")
    }
}
