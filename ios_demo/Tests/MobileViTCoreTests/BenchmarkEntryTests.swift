import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

/// What needs no runtime; whole runs are in ConductEntryTests.
final class BenchmarkEntryTests: XCTestCase {
    private let run = "0123456789ab"

    func testArgumentsAreCommands() throws {
        XCTAssertEqual(try BenchmarkCommand(arguments: ["--describe"]), .describe)
        XCTAssertEqual(try BenchmarkCommand(arguments: ["--benchmark", run]), .benchmark(run: run))
        XCTAssertEqual(try BenchmarkCommand(arguments: ["--forget", run]), .forget(run: run))
    }

    func testWhatXcodeAddsIsLeftAside() throws {
        let added = ["-NSDocumentRevisionsDebugMode", "YES", "-AppleLanguages", "(de)"]
        XCTAssertNil(try BenchmarkCommand(arguments: []))
        XCTAssertNil(try BenchmarkCommand(arguments: added))
        XCTAssertEqual(
            try BenchmarkCommand(arguments: added + ["--forget", run] + added), .forget(run: run))
    }

    func testNoNameOfARunLeavesTheFolder() {
        for name in [
            "..", "../0123456789ab", "/", "", "0123456789a", "0123456789abc", "0123456789AB",
            "0123456789a/", "0123456789ab\n", "\u{0661}123456789ab", "--describe",
        ] {
            for command in ["--benchmark", "--forget"] {
                assertInput(try BenchmarkCommand(arguments: [command, name]))
            }
            guard let url = url("mobilevit-demo://benchmark/", name) else { continue }
            assertInput(try BenchmarkCommand(url: url))
        }
        assertInput(try BenchmarkCommand(arguments: ["--benchmark"]))
        assertInput(try BenchmarkCommand(arguments: ["--describe", "--forget", run]))
    }

    func testURLs() throws {
        let command = try BenchmarkCommand(url: XCTUnwrap(url("mobilevit-demo://benchmark/", run)))
        XCTAssertEqual(command, .benchmark(run: run))
        for other in [
            "https://benchmark/", "mobilevit-demo://forget/", "mobilevit-demo:/benchmark/",
        ] {
            XCTAssertNil(try BenchmarkCommand(url: XCTUnwrap(url(other, run))))
        }
        for wrong in ["/more", "%2F.."] {
            assertInput(
                try BenchmarkCommand(
                    url: XCTUnwrap(URL(string: "mobilevit-demo://benchmark/\(run)\(wrong)"))))
        }
    }

    func testDescribingMakesTheFolderOfRuns() async throws {
        let runs = try Inputs.out("describe").appendingPathComponent("runs")
        let lines = Lines()
        for _ in 0..<2 {
            try await carryOut(
                .describe, runs: runs, runtimes: [], machine: Quiet(), printLine: lines.add)
        }
        XCTAssertEqual(lines.all.count, 2)
        XCTAssertEqual(
            lines.all.first,
            #"MOBILEVIT {"device":{"machine":"none","cores":2,"system":"none","runner":"test","#
                + #""emulated":false},"state":{"governors":[],"frequencies_hz":[],"#
                + #""temperatures_c":{}}}"#)
        XCTAssert(FileManager.default.fileExists(atPath: runs.path))
    }

    func testForgettingRemovesOneRun() async throws {
        let runs = try Inputs.out("forget")
        for name in [run, "ba9876543210", "kept"] {
            try FileManager.default.createDirectory(
                at: runs.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        for _ in 0..<2 {
            try await carryOut(
                .forget(run: run), runs: runs, runtimes: [], machine: Quiet(), printLine: { _ in })
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: runs.path)
        XCTAssertEqual(left.sorted(), ["ba9876543210", "kept"])
    }

    /// Any page may open a URL.
    func testARunThatIsNotThereRemovesNothing() async throws {
        let runs = try Inputs.out("absent")
        try FileManager.default.createDirectory(
            at: runs.appendingPathComponent("ba9876543210"), withIntermediateDirectories: true)
        do {
            try await carryOut(
                .benchmark(run: run), runs: runs, runtimes: [], machine: Quiet(),
                printLine: { _ in })
            XCTFail("it ran")
        } catch let error as MobileViTError {
            XCTAssertEqual(error.kind, .input)
            XCTAssert(error.message.hasPrefix("cannot read `"), error.message)
            XCTAssert(error.message.hasSuffix("No such file or directory"), error.message)
        }
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: runs.path).count, 1)
    }

    private func url(_ start: String, _ name: String) -> URL? { URL(string: start + name) }

    private func assertInput<Value>(
        _ read: @autoclosure () throws -> Value, line: UInt = #line
    ) {
        XCTAssertThrowsError(try read(), line: line) { error in
            XCTAssertEqual((error as? MobileViTError)?.kind, .input, line: line)
        }
    }
}

/// Lines as they are printed.
private final class Lines {
    private(set) var all: [String] = []

    func add(_ line: String) { all.append(line) }
}

private struct Quiet: Machine {
    func describe() -> DeviceDescription {
        DeviceDescription(
            model: nil, chip: nil, machine: "none", cores: 2, memoryBytes: nil, system: "none",
            runner: "test")
    }

    func state() -> DeviceState { DeviceState() }
    func peakMemory() -> Int? { nil }
    func residentMemory() -> Int? { nil }
}
