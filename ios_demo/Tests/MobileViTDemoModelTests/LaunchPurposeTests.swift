import Foundation
import MobileViTCore
import MobileViTFixtures
import MobileViTONNX
import XCTest

@testable import MobileViTDemoModel

/// What the app does where the host launches it, over the real runtime.
final class LaunchPurposeTests: XCTestCase {
    func testAnAppThatAPersonOpensIsThePersons() {
        XCTAssertEqual(LaunchPurpose(arguments: ["MobileViTDemo"]), .person)
        // Xcode's own
        XCTAssertEqual(
            LaunchPurpose(arguments: ["MobileViTDemo", "-NSDocumentRevisionsDebugMode", "YES"]),
            .person)
    }

    func testTheHostsCommandsAreUnderstood() {
        XCTAssertEqual(LaunchPurpose(arguments: ["app", "--describe"]), .host(.describe))
        XCTAssertEqual(
            LaunchPurpose(arguments: ["app", "--benchmark", plannedRun]),
            .host(.benchmark(run: plannedRun)))
        // the program's name is none
        XCTAssertEqual(LaunchPurpose(arguments: ["--describe"]), .person)
        guard
            case .misunderstood(let error) = LaunchPurpose(
                arguments: ["app", "--benchmark", "../../elsewhere"])
        else { return XCTFail("a path is no name of a run") }
        XCTAssertEqual(error.kind, .input)
    }

    func testAnAppThatTestsRunInLeavesTheDeviceToThem() {
        let environment = ["HOME": "/", "XCTestConfigurationFilePath": ""]
        XCTAssertEqual(LaunchPurpose(arguments: ["app"], environment: environment), .tests)
        XCTAssertEqual(LaunchPurpose(arguments: ["app"], environment: ["HOME": "/"]), .person)
        XCTAssertEqual(
            LaunchPurpose(arguments: ["app", "--describe"], environment: environment),
            .host(.describe))
    }

    func testDescribesItselfInOneLine() async throws {
        let told = try await answer(.host(.describe), "describe")
        XCTAssertEqual(told.status, 0)
        XCTAssertEqual(told.lines.count, 1)
        XCTAssertTrue(told.lines[0].hasPrefix("MOBILEVIT {\"device\":"), told.lines[0])
        XCTAssertEqual(told.errors, "")
    }

    func testRunsAPlanAndPrintsEachRecord() async throws {
        let runs = try plannedRuns("host-run")
        let told = try await answer(.host(.benchmark(run: plannedRun)), runs: runs)
        XCTAssertEqual(told.status, 0)
        let folder = runs.appendingPathComponent(plannedRun)
        let records = try String(
            contentsOf: folder.appendingPathComponent(recordsFile), encoding: .utf8)
        XCTAssertEqual(
            told.lines.map { String($0.dropFirst("MOBILEVIT ".count)) },
            records.split(separator: "\n").map(String.init))
        XCTAssertTrue(told.lines.last?.contains("\"ended\"") ?? false)
        XCTAssertTrue(
            FileManager.default.fileExists(
                atPath: folder.appendingPathComponent(resultFile).path))
    }

    func testARunThatIsNotThereIsSaidInALineAndFails() async throws {
        let told = try await answer(.host(.benchmark(run: plannedRun)), "no-run")
        XCTAssertEqual(told.status, 1)
        XCTAssertEqual(told.lines, [])
        XCTAssertTrue(told.errors.hasPrefix("mobilevit: "), told.errors)
        XCTAssertTrue(told.errors.contains(planFile), told.errors)
        XCTAssertEqual(told.errors.filter(\.isNewline).count, 1)
    }

    func testWhatIsMisunderstoodFails() async throws {
        let told = try await answer(.misunderstood(MobileViTError(.input, "no such")), "wrong")
        XCTAssertEqual(told.status, 1)
        XCTAssertEqual(told.errors, "mobilevit: no such\n")
    }

    func testAnAppThatGoesToTheBackgroundEndsTheRun() async throws {
        let runs = try plannedRuns("host-background", settings: .endless)
        let answering = Task {
            try await answer(.host(.benchmark(run: plannedRun)), runs: runs)
        }
        let records = runs.appendingPathComponent(plannedRun).appendingPathComponent(recordsFile)
        try await waitUntil("a round") {
            (try? String(contentsOf: records, encoding: .utf8))?.contains("\"round\"") ?? false
        }
        answering.cancel()
        let told = try await answering.value
        XCTAssertEqual(told.status, 1)
        XCTAssertTrue(told.errors.contains(BenchmarkStopReason.background.rawValue))
        XCTAssertFalse(told.lines.contains { $0.contains("\"ended\"") })
    }
}

let plannedRun = "0123456789ab"

/// A folder of runs with the plan of one, as the host pushes it.
func plannedRuns(_ test: String, settings: ProtocolSettings = .short) throws -> URL {
    let runs = runsFolder(in: try Inputs.out("runs-\(test)"))
    let folder = runs.appendingPathComponent(plannedRun)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let bundle = try ModelBundle(folder: Inputs.bundle())
    let artifact = try chooseArtifact(of: bundle, for: OnnxRuntime())
    try FileManager.default.copyItem(
        at: bundle.check(artifact), to: folder.appendingPathComponent(artifact.file))
    let plan = Plan(
        run: plannedRun, protocol: settings,
        cases: [
            PlannedCase(
                id: "0", artifact: artifact.file, artifactSha256: artifact.sha256,
                runtime: "onnxruntime", delegate: "cpu")
        ])
    try JSONEncoder().encode(plan).write(to: folder.appendingPathComponent(planFile))
    return runs
}

private struct Told: Sendable {
    let status: Int32
    let lines: [String]
    let errors: String
}

private func answer(_ purpose: LaunchPurpose, _ test: String) async throws -> Told {
    try await answer(purpose, runs: runsFolder(in: try Inputs.out("runs-\(test)")))
}

/// With what it printed, through files in the place of the process's own.
private func answer(_ purpose: LaunchPurpose, runs: URL) async throws -> Told {
    let folder = runs.deletingLastPathComponent()
    let (output, errors) = (
        folder.appendingPathComponent("output"), folder.appendingPathComponent("errors")
    )
    try Data().write(to: output)
    try Data().write(to: errors)
    let status = await answerHost(
        purpose, runs: runs, runtime: { try OnnxRuntime() }, machine: BenchMachine(),
        output: try FileHandle(forWritingTo: output), errors: try FileHandle(forWritingTo: errors))
    return Told(
        status: status,
        lines: try String(contentsOf: output, encoding: .utf8).split(separator: "\n").map(
            String.init),
        errors: try String(contentsOf: errors, encoding: .utf8))
}
