import Foundation
import MobileViTCore

/// What the app was launched for: told by its arguments and its environment, once.
public enum LaunchPurpose: Sendable, Equatable {
    case person
    /// To have tests run in its process, and to leave the device to them.
    case tests
    /// To do this and nothing else, and to end.
    case host(BenchmarkCommand)
    /// To say so to the host, and to end.
    case misunderstood(MobileViTError)

    /// - Parameters:
    ///   - arguments: with the program's name, as `CommandLine.arguments` has them.
    ///   - environment: of the process; XCTest names itself in that of an app that hosts tests.
    public init(arguments: [String], environment: [String: String] = [:]) {
        do {
            let command = try BenchmarkCommand(arguments: Array(arguments.dropFirst()))
            let isTested = environment.keys.contains { $0.hasPrefix("XCTest") }
            self = command.map(LaunchPurpose.host) ?? (isTested ? .tests : .person)
        } catch let error as MobileViTError {
            self = .misunderstood(error)
        } catch {
            self = .misunderstood(MobileViTError(.input, error.localizedDescription))
        }
    }
}

/// Where the host puts its plans: `mobilevit-benchmark` in the app's Documents.
public func runsFolder(in documents: URL) -> URL {
    documents.appendingPathComponent("mobilevit-benchmark", isDirectory: true)
}

/// Does what the host launched the app for.
///
/// Cancel its task where the app goes to the background: phones slow apps down there, or halt them, and
/// the host would wait.
///
/// - Parameters:
///   - runs: see `runsFolder(in:)`.
///   - output: gets the host's lines, each in one write.
///   - errors: gets what went wrong, in a line.
/// - Returns: what the process is to end with; 0: it was done.
public func answerHost(
    _ purpose: LaunchPurpose, runs: URL,
    runtime: @Sendable () throws -> any InferenceRuntime, machine: any Machine,
    output: FileHandle = .standardOutput, errors: FileHandle = .standardError
) async -> Int32 {
    let fault: String
    do {
        switch purpose {
        case .person, .tests:
            return 0
        case .host(let command):
            // the other commands time nothing
            let runtimes: [any InferenceRuntime] =
                if case .benchmark = command { [try runtime()] } else { [] }
            try await carryOut(
                command, runs: runs, runtimes: runtimes, machine: machine
            ) { line in
                try output.write(contentsOf: Data("\(line)\n".utf8))
            }
            return 0
        case .misunderstood(let error):
            throw error
        }
    } catch is CancellationError {
        fault = BenchmarkStopReason.background.rawValue
    } catch let error as MobileViTError {
        fault = error.description
    } catch {
        fault = error.localizedDescription
    }
    // where nobody reads it, there is nobody to tell
    try? errors.write(contentsOf: Data("mobilevit: \(fault)\n".utf8))
    return 1
}
