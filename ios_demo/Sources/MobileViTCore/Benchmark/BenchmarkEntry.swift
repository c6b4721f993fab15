import Foundation

/// What the host asks of the app by launch arguments, and a user by URL
/// (`mobilevit-demo://benchmark/RUN`): see benchmarks/mobilevit_benchmarks/devices/iphone.py.
public enum BenchmarkCommand: Sendable, Equatable {
    /// Prints device and state, and makes the folder of runs where it is not there.
    case describe
    /// Removes the folders of other runs, and runs the plan in the one of `run`.
    case benchmark(run: String)
    /// Removes the folder of `run`.
    case forget(run: String)

    /// Nil where the arguments, without the program's name, ask for none of these. Others are left
    /// aside: Xcode adds some of its own.
    ///
    /// - Throws: `MobileViTError` of kind `input`: a name of a run that is none, or more than one
    ///   command.
    public init?(arguments: [String]) throws {
        var asked: [BenchmarkCommand] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--describe": asked.append(.describe)
            case "--benchmark": asked.append(.benchmark(run: try checkedRun(rest.popFirst())))
            case "--forget": asked.append(.forget(run: try checkedRun(rest.popFirst())))
            default: continue
            }
        }
        guard asked.count < 2 else {
            throw MobileViTError(
                .input, "more than one of `--describe`, `--benchmark` and `--forget` is given")
        }
        guard let only = asked.first else { return nil }
        self = only
    }

    /// Nil where it is another URL.
    ///
    /// - Throws: `MobileViTError` of kind `input`: a name of a run that is none.
    public init?(url: URL) throws {
        guard url.scheme?.lowercased() == "mobilevit-demo", url.host?.lowercased() == "benchmark"
        else { return nil }
        self = .benchmark(run: try checkedRun(String(url.path.dropFirst())))
    }
}

/// A name of a run is twelve hexadecimal digits: no path could leave the folder of runs by it.
private func checkedRun(_ name: String?) throws -> String {
    guard let name else {
        throw MobileViTError(.input, "the name of a run is missing")
    }
    guard name.matches(runPattern) else {
        throw MobileViTError(
            .input, "`\(name)` is no name of a run", hint: "it has twelve hexadecimal digits")
    }
    return name
}

/// Carries out a command in the folder of runs (`Documents/mobilevit-benchmark` of an app); prints the
/// host's lines, `MOBILEVIT {…}`; writes `records.jsonl` and, before `ended` is printed,
/// `result.json` beside the plan, whole or not at all.
///
/// - Parameter printLine: writes a line, in one write with its line feed, and flushes.
/// - Throws: `MobileViTError`; `CancellationError`; what `printLine` throws.
public func carryOut(
    _ command: BenchmarkCommand, runs: URL, runtimes: [any InferenceRuntime], machine: any Machine,
    printLine: @escaping (String) throws -> Void
) async throws {
    switch command {
    case .describe:
        try writing(runs.path) {
            try FileManager.default.createDirectory(at: runs, withIntermediateDirectories: true)
        }
        let told = Described(device: machine.describe(), state: machine.state())
        try printLine(linePrefix + encodeLine(told))
    case .benchmark(let run):
        let folder = runs.appendingPathComponent(run)
        // before anything is removed: any page may open the URL of a run that is not there
        let plan = try readPlan(in: folder)
        try removeRuns(in: runs) { $0 != run }
        try removeResult(in: folder)
        let sizes = try artifactSizes(of: plan, folder: folder)
        let created = Date()
        var records: [Record] = []
        try await runPlan(
            plan, folder: folder, records: folder, runtimes: runtimes, machine: machine
        ) { record, line in
            records.append(record)
            if record == .ended {
                let result = try resultJSON(
                    of: records, plan: plan, manifest: nil, sizes: sizes, created: created)
                if let result { try writeResult(result, in: folder) }
            }
            try printLine(linePrefix + line)
        }
    case .forget(let run):
        try removeRuns(in: runs) { $0 == run }
    }
}

/// The result's file beside the plan.
public let resultFile = "result.json"

/// How a line for the host begins, among the system's own.
private let linePrefix = "MOBILEVIT "

private struct Described: Encodable {
    let device: DeviceDescription
    let state: DeviceState
}

private func writeResult(_ text: String, in folder: URL) throws {
    let file = folder.appendingPathComponent(resultFile)
    try writing(file.path) {
        // aside and renamed
        try Data((text + "\n").utf8).write(to: file, options: .atomic)
    }
}

/// A run that is not done has none: the one of a run before it would pass for its own.
private func removeResult(in folder: URL) throws {
    let file = folder.appendingPathComponent(resultFile)
    guard FileManager.default.fileExists(atPath: file.path) else { return }
    try writing(file.path) { try FileManager.default.removeItem(at: file) }
}

/// Removes folders of runs; what else lies there stays.
private func removeRuns(in folder: URL, where isRemoved: (String) -> Bool) throws {
    let files = FileManager.default
    guard files.fileExists(atPath: folder.path) else { return }
    try writing(folder.path) {
        for name in try files.contentsOfDirectory(atPath: folder.path)
        where name.matches(runPattern) && isRemoved(name) {
            try files.removeItem(at: folder.appendingPathComponent(name))
        }
    }
}
