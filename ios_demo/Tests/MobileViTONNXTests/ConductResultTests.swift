import Foundation
import MobileViTONNX
import XCTest

@testable import MobileViTCore

/// That `mobilevit report` reads it is shown from Python, in tests/devices/test_ios_app.py.
final class ConductResultTests: XCTestCase {
    func testAResultHasTheLaunchesThatCameToARound() async throws {
        let runs = try ConductRuns("result")
        let plan = runs.plan([runs.planned("0"), runs.planned("1", runtime: "coreml")])
        let told = try await runs.records(plan)
        let result = try result(of: told, plan, runs)
        let measured = try XCTUnwrap(result.measurements.first)
        XCTAssertEqual(result.measurements.count, 1)
        XCTAssertEqual(measured.name, "onnx fp32")
        XCTAssertEqual(measured.artifact, runs.record.file)
        XCTAssertEqual(measured.artifactBytes, runs.record.size)
        XCTAssertEqual(measured.model.name, runs.bundle.manifest.model.name)
        XCTAssertEqual(measured.launches.map(\.rounds.count), [2, 1])
        XCTAssertEqual(
            measured.launches.flatMap(\.rounds).map(\.samplesNs), told.rounds.map(\.samplesNs))
        XCTAssertNil(result.stopped)
        XCTAssertEqual(
            result.notTimed.map(\.reason), ["coreml (cpu): this device has no runtime `coreml`"])
    }

    func testARunThatWasStoppedSaysSoAndLeavesOutALaunchWithoutARound() async throws {
        let runs = try ConductRuns("stopped")
        var settings = short
        settings.rounds = 2
        let plan = runs.plan([runs.planned()], settings)
        let told = try await runs.records(plan)
        let second = try XCTUnwrap(told.lastIndex { $0.kind == "opened" })
        let cut = try result(of: Array(told[...second]), plan, runs, stopped: "sent to the back")
        XCTAssertEqual(cut.stopped, "sent to the back")
        XCTAssertEqual(cut.measurements.first?.launches.count, 1)
    }

    func testWithoutARoundThereIsNoResult() async throws {
        let runs = try ConductRuns("none")
        let plan = runs.plan([runs.planned()])
        let told = try await runs.records(plan)
        let before = told.prefix { $0.kind != "round" }
        for records in [[], Array(before)] {
            XCTAssertNil(
                try resultJSON(
                    of: records, plan: plan, manifest: nil, sizes: [:], created: Date()))
        }
    }

    private func result(
        of records: [Record], _ plan: Plan, _ runs: ConductRuns, stopped: String? = nil
    ) throws -> Result {
        let text = try resultJSON(
            of: records, plan: plan, manifest: runs.bundle.manifest,
            sizes: artifactSizes(of: plan, folder: runs.folder), created: Date(), stopped: stopped)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Result.self, from: Data(XCTUnwrap(text).utf8))
    }
}

/// What is looked at of a result.
private struct Result: Decodable {
    let measurements: [Measurement]
    let notTimed: [NotTimed]
    let stopped: String?

    struct Measurement: Decodable {
        let name, artifact: String
        let artifactBytes: Int
        let model: Model
        let launches: [Launch]
    }

    struct Model: Decodable { let name: String }
    struct Launch: Decodable { let rounds: [Round] }
    struct Round: Decodable { let samplesNs: [Int] }
    struct NotTimed: Decodable { let reason: String }
}
