import Foundation
import MobileViTCore
import MobileViTFixtures
import MobileViTONNX
import XCTest

@testable import MobileViTDemoModel

/// A benchmark that a URL asks for.
@MainActor
final class BenchmarkRequestTests: XCTestCase, @unchecked Sendable {  // it keeps nothing
    private func model(_ runs: URL) -> BenchmarkRequestModel {
        BenchmarkRequestModel(
            runs: runs, runtime: { try OnnxRuntime() }, machine: BenchMachine())
    }

    private func url(_ text: String) throws -> URL { try XCTUnwrap(URL(string: text)) }

    func testAPersonIsAskedBeforeAnythingRuns() async throws {
        let runs = try plannedRuns("asked")
        let model = model(runs)
        model.receive(try url("mobilevit-demo://benchmark/\(plannedRun)"))
        guard case .asking(let message) = model.state else { throw Unexpected(model.state) }
        XCTAssertTrue(message.text.contains(plannedRun))
        XCTAssertEqual(try files(runs), ["mobilevit_xxs_fp32.onnx", planFile])
        model.dismiss()
        XCTAssertEqual(model.state, .none)
        await model.accept()
        XCTAssertEqual(model.state, .none)
        XCTAssertEqual(try files(runs), ["mobilevit_xxs_fp32.onnx", planFile])
    }

    func testRunsThePlanWhereThePersonAgreesAndSaysWhereTheResultIs() async throws {
        let runs = try plannedRuns("agreed")
        var around: [String] = []
        let model = BenchmarkRequestModel(
            runs: runs, runtime: { try OnnxRuntime() }, machine: BenchMachine(),
            beforeRun: { around.append("before") }, afterRun: { around.append("after") })
        var seen: [String] = []
        model.changed = { if case .running(let message) = $0 { seen.append(message.text) } }
        model.receive(try url("mobilevit-demo://benchmark/\(plannedRun)"))
        await model.accept()
        guard case .done(let message) = model.state else { throw Unexpected(model.state) }
        XCTAssertEqual(
            message.text,
            "4 rounds. They lie in mobilevit-benchmark/\(plannedRun), in this app’s folder of Files."
        )
        XCTAssertNil(message.detail)
        // what was agreed to once is not run twice
        await model.accept()
        XCTAssertEqual(around, ["before", "after"])
        XCTAssertEqual(seen.first, "0 rounds so far. The screen stays on.")
        XCTAssertEqual(
            try files(runs), ["mobilevit_xxs_fp32.onnx", planFile, recordsFile, resultFile])
    }

    func testAPlanThatIsNotThereIsSaid() async throws {
        let model = model(runsFolder(in: try Inputs.out("request-none")))
        model.receive(try url("mobilevit-demo://benchmark/\(plannedRun)"))
        await model.accept()
        guard case .failed(let message) = model.state else { throw Unexpected(model.state) }
        XCTAssertTrue(message.text.contains(planFile), message.text)
    }

    func testAPathInTheURLIsRefused() async throws {
        let model = model(try plannedRuns("path"))
        for path in ["..%2F..%2Fetc", "../\(plannedRun)", "\(plannedRun)/x", "0123456789AB", ""] {
            model.receive(try url("mobilevit-demo://benchmark/\(path)"))
            guard case .failed(let message) = model.state else {
                XCTFail("\(path): \(model.state)")
                continue
            }
            XCTAssertEqual(message.title, "This is no benchmark")
            model.dismiss()
        }
    }

    func testOtherURLsAreLeftAlone() async throws {
        let model = model(try plannedRuns("others"))
        for text in ["file:///tmp/photo.jpg", "https://example.org/benchmark/\(plannedRun)"] {
            model.receive(try url(text))
            XCTAssertEqual(model.state, .none, text)
        }
    }

    func testAnAppInTheBackgroundEndsTheRunAndSaysSo() async throws {
        let runs = try plannedRuns("background", settings: .endless)
        let model = model(runs)
        model.receive(try url("mobilevit-demo://benchmark/\(plannedRun)"))
        let accepted = Task { await model.accept() }
        try await waitUntil("a round") { model.state.message?.text.hasPrefix("1 round ") ?? false }
        // another one has to wait for its end
        model.receive(try url("mobilevit-demo://benchmark/\(plannedRun)"))
        XCTAssertTrue(model.state.isRunning)
        model.stop(.background)
        model.stop(.person)
        await accepted.value
        guard case .failed(let message) = model.state else { throw Unexpected(model.state) }
        XCTAssertEqual(message.title, "Stopped early")
        XCTAssertTrue(message.text.hasPrefix(BenchmarkStopReason.background.text), message.text)
        XCTAssertFalse(try files(runs).contains(resultFile))
    }

    func testARefusalIsSaid() async throws {
        let runs = try plannedRuns("refusal")
        let file = runs.appendingPathComponent(plannedRun).appendingPathComponent(planFile)
        let plan = try String(contentsOf: file, encoding: .utf8)
        try plan.replacingOccurrences(of: "\"cpu\"", with: "\"gpu\"")
            .write(to: file, atomically: true, encoding: .utf8)
        let model = model(runs)
        model.receive(try url("mobilevit-demo://benchmark/\(plannedRun)"))
        await model.accept()
        guard case .done(let message) = model.state else { throw Unexpected(model.state) }
        XCTAssertTrue(message.text.hasPrefix("0 rounds."), message.text)
        XCTAssertEqual(message.detail?.contains("`gpu`"), true)
    }

    private func files(_ runs: URL) throws -> [String] {
        let folder = runs.appendingPathComponent(plannedRun)
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }
}
