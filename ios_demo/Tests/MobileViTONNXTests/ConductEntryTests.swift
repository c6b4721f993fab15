import Foundation
import MobileViTFixtures
import MobileViTONNX
import XCTest

@testable import MobileViTCore

/// The host's commands, with a real plan and the real runtime.
final class ConductEntryTests: XCTestCase {
    private let run = "0123456789ab"

    func testRuntimesAreDescribedWithTheirDelegates() throws {
        XCTAssertEqual(try describeRuntimes([OnnxRuntime()]), #"{"onnxruntime":["cpu"]}"#)
    }

    func testEachRecordIsInTheFileWhenItIsReported() async throws {
        let runs = try ConductRuns("reported")
        let records = runs.folder.appendingPathComponent("records/of/it")
        let file = records.appendingPathComponent(recordsFile)
        for _ in 0..<2 {  // of an older run nothing is kept
            let reported = Lines()
            try await runPlan(
                runs.plan([runs.planned()]), folder: runs.folder, records: records,
                runtimes: [OnnxRuntime()], machine: runs.machine
            ) { _, line in
                reported.add(line)
                let written = try String(contentsOf: file, encoding: .utf8)
                XCTAssertEqual(written, reported.all.map { $0 + "\n" }.joined())
            }
            XCTAssertEqual(reported.all.last, #"{"record":"ended"}"#)
            XCTAssertEqual(try readRecords(in: records).count, reported.all.count)
        }
    }

    func testARunOfTheHostLeavesRecordsAndAResult() async throws {
        let runs = try ConductRuns("app")
        let documents = try Inputs.out("documents")
        let folder = documents.appendingPathComponent(run)
        for name in ["ba9876543210", "other"] {
            try FileManager.default.createDirectory(
                at: documents.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        try FileManager.default.copyItem(at: runs.folder, to: folder)
        try runs.write(runs.plan([runs.planned()]), to: folder)
        var lines = Lines()
        let result = folder.appendingPathComponent(resultFile)
        for _ in 0..<2 {  // of an older run nothing is kept
            let printed = Lines()
            try await carryOut(
                .benchmark(run: run), runs: documents, runtimes: [OnnxRuntime()],
                machine: runs.machine
            ) { line in
                printed.add(line)
                // it is there when the host is told that all is done
                XCTAssertEqual(
                    FileManager.default.fileExists(atPath: result.path), line.contains("ended"))
            }
            lines = printed
        }
        let written = try String(
            contentsOf: folder.appendingPathComponent(recordsFile), encoding: .utf8)
        XCTAssertEqual(lines.all.map { $0 + "\n" }.joined(), written.prefixed("MOBILEVIT "))
        let left = try FileManager.default.contentsOfDirectory(atPath: documents.path)
        XCTAssertEqual(left.sorted(), [run, "other"])
        let text = try String(contentsOf: result, encoding: .utf8)
        XCTAssert(text.contains(#""runtime":"onnxruntime""#))
    }

    func testADiskThatFillsUpEndsTheRunInWords() async throws {
        let full = "/dev/full"
        guard FileManager.default.fileExists(atPath: full) else { throw XCTSkip("no \(full)") }
        let runs = try ConductRuns("full")
        try FileManager.default.createSymbolicLink(
            atPath: runs.folder.appendingPathComponent(recordsFile).path, withDestinationPath: full)
        let message = try await refusal(of: runs)
        XCTAssert(message.hasPrefix("cannot write `"), message)
        XCTAssert(message.hasSuffix("No space left on device"), message)
    }

    func testRecordsThatCannotBeMadeAreTold() async throws {
        let runs = try ConductRuns("inTheWay")
        try FileManager.default.createDirectory(
            at: runs.folder.appendingPathComponent(recordsFile), withIntermediateDirectories: true)
        let message = try await refusal(of: runs)
        XCTAssert(message.hasPrefix("cannot write `"), message)
        XCTAssert(message.hasSuffix("Is a directory"), message)
    }

    /// As the host reads them, a line that was cut off counts for nothing.
    func testRecordsAreReadAsFarAsTheyAreWhole() async throws {
        let folder = try Inputs.out("whole")
        let file = folder.appendingPathComponent(recordsFile)
        try Data("{\"record\":\"ended\"}\n{\"rec".utf8).write(to: file)
        XCTAssertEqual(try readRecords(in: folder), [.ended])
        try Data("{\"record\":\"ended\"\n".utf8).write(to: file)
        XCTAssertThrowsError(try readRecords(in: folder)) {
            XCTAssertEqual(($0 as? MobileViTError)?.kind, .input)
        }
    }

    private func refusal(of runs: ConductRuns) async throws -> String {
        do {
            try await runPlan(
                runs.plan([runs.planned()]), folder: runs.folder, records: runs.folder,
                runtimes: [OnnxRuntime()], machine: runs.machine, report: { _, _ in })
        } catch let error as MobileViTError {
            XCTAssertEqual(error.kind, .storage)
            return error.message
        }
        return "it ran"
    }
}

private final class Lines {
    private(set) var all: [String] = []

    func add(_ line: String) { all.append(line) }
}

extension String {
    fileprivate func prefixed(_ prefix: String) -> String {
        split(separator: "\n").map { prefix + $0 + "\n" }.joined()
    }
}
