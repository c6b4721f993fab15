import Foundation
import MobileViTCore
import MobileViTFixtures
import MobileViTONNX
import XCTest

@testable import MobileViTDemoModel

/// What a person sees of runs on the real runtime.
@MainActor
final class BenchmarkModelTests: XCTestCase, @unchecked Sendable {  // it keeps nothing
    func testMeasuresTwoArtifactsInTurnsAndSharesWhatItShows() async throws {
        let bench = try BenchmarkBench("app-result")
        await bench.model.appear()
        for artifact in try bench.setup.artifacts.dropFirst() {
            bench.model.toggle(artifact: artifact.file)
        }
        XCTAssertEqual(try bench.setup.cases.map(\.title), ["fp32, CPU", "fp16, CPU"])
        await bench.model.start()

        let outcome = try bench.outcome
        XCTAssertNil(outcome.stopped)
        XCTAssertEqual(outcome.cases.map(\.figures.rounds), [4, 4])
        XCTAssertEqual(outcome.cases.map(\.figures.summary.count), [12, 12])
        XCTAssertEqual(outcome.chart.series, outcome.cases.map(\.title))
        XCTAssertEqual(outcome.comparison.count, 2)
        guard case .written(let file) = outcome.export else { throw Unexpected(outcome.export) }
        XCTAssertEqual(try String(contentsOf: file, encoding: .utf8), outcome.json)
        try writeForTheHost(outcome, file: file)
    }

    /// tests/clients/test_app_result.py reads both.
    private func writeForTheHost(_ outcome: BenchmarkOutcome, file: URL) throws {
        let folder = try Inputs.out("app-result")
        try FileManager.default.copyItem(
            at: file, to: folder.appendingPathComponent("app-result.json"))
        let shown = outcome.cases.map { one -> [String: Any] in
            let figures = one.figures
            return [
                "p50": one.median, "p50_ns": figures.summary.p50Ns, "p90_ns": figures.summary.p90Ns,
                "p99_ns": figures.summary.p99Ns, "mean_ns": figures.summary.meanNs,
                "mean_low_ns": figures.mean?.low ?? 0, "mean_high_ns": figures.mean?.high ?? 0,
                "cv": figures.summary.cv, "mad_spread": figures.summary.madSpread,
                "load_ns": figures.loadNs, "first_run_ns": figures.firstRunNs,
                "disturbed": figures.disturbed.sorted(), "title": one.title,
            ]
        }
        try JSONSerialization.data(withJSONObject: shown)
            .write(to: folder.appendingPathComponent("app-screen.json"))
    }

    func testOffersFirstWhatTheOtherScreensRun() async throws {
        let bench = try BenchmarkBench("usual")
        XCTAssertEqual(bench.model.state, .opening)
        await bench.model.appear()
        let classifier = try await MobileViTClassifier(
            bundle: try Inputs.bundle(), runtime: bench.runtime)
        XCTAssertEqual(try bench.setup.choice.artifacts, [classifier.artifact.file])
        XCTAssertEqual(try bench.setup.choice.delegates, ["cpu"])
        XCTAssertTrue(try bench.setup.artifacts.allSatisfy { $0.file.hasSuffix(".onnx") })
    }

    func testTellsTwoLayoutsOfOnePrecisionApart() async throws {
        let bundle = try copiedBundle("layouts")
        let file = bundle.appendingPathComponent("manifest.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        let zeros = String(repeating: "0", count: 64)
        let digest = try ModelBundle(folder: bundle).manifest.digest
        let unsigned = try first(
            #""precision": "fp32",\s*"layout": "plain""#, in: text,
            becomes: #""precision": "fp16", "layout": "neural-engine""#
        ).replacingOccurrences(of: digest, with: zeros)
        let signed = unsigned.replacingOccurrences(of: zeros, with: try sha256(Data(unsigned.utf8)))
        try Data(signed.utf8).write(to: file)
        let setup = try BenchmarkSetup(ModelBundle(folder: bundle), runtime: OnnxRuntime())
        XCTAssertEqual(setup.artifactOptions.map(\.title), ["fp16, neural-engine", "fp16"])
        XCTAssertEqual(setup.choice.artifacts, ["mobilevit_xxs_fp16.onnx"])
    }

    private func first(
        _ pattern: String, in text: String, becomes other: String
    ) throws -> String {
        let place = try XCTUnwrap(text.range(of: pattern, options: .regularExpression))
        return text.replacingCharacters(in: place, with: other)
    }

    func testSaysWhatItDoesWhileItRuns() async throws {
        let bench = try BenchmarkBench("stages")
        await bench.model.appear()
        await bench.model.start()
        let running = bench.states.compactMap { state -> BenchmarkRunning? in
            if case .running(let running) = state { running } else { nil }
        }
        var titles: [String] = []
        for title in running.map(\.title) where titles.last != title { titles.append(title) }
        // each once, in this order: a reader says them aloud where they change
        XCTAssertEqual(titles.first, "Loading the model")
        XCTAssertEqual(titles, titles.sorted { order($0) < order($1) })
        XCTAssertTrue(
            zip(running, running.dropFirst()).allSatisfy { $0.progress.share <= $1.progress.share })
        XCTAssertTrue(running.allSatisfy { (0...1).contains($0.progress.share) })
    }

    private func order(_ title: String) -> Int {
        ["Loading the model", "Warming up", "Measuring"].firstIndex(of: title) ?? 3
    }

    func testStoppingKeepsWhatWasMeasuredAndTheResultSaysSo() async throws {
        let reasons: [BenchmarkStopReason] = [.person, .background, .left, .memory]
        for reason in reasons {
            let bench = try BenchmarkBench("stop", settings: .endless)
            await bench.model.appear()
            try await bench.startAndStop(reason)
            let outcome = try bench.outcome
            XCTAssertEqual(
                outcome.stopped,
                "\(reason.text) These figures are of what was measured until then.")
            let json = try XCTUnwrap(
                JSONSerialization.jsonObject(with: Data(outcome.json.utf8)) as? [String: Any])
            XCTAssertEqual(json["stopped"] as? String, reason.rawValue)
            XCTAssertGreaterThan(outcome.cases[0].figures.rounds, 0)
            XCTAssertNotNil(outcome.cases[0].figures.throttling)
        }
    }

    func testTheFirstReasonToStopCounts() async throws {
        let bench = try BenchmarkBench("first-reason", settings: .endless)
        await bench.model.appear()
        let run = Task { await bench.model.start() }
        try await waitUntil("run") {
            if case .running(let running) = bench.model.state {
                running.chart != nil
            } else {
                false
            }
        }
        bench.model.stop(.person)
        bench.model.stop(.background)
        guard case .running(let running) = bench.model.state else {
            throw Unexpected(bench.model.state)
        }
        XCTAssertEqual(running.title, "Stopping")
        await run.value
        XCTAssertTrue(try bench.text.contains(BenchmarkStopReason.person.text))
    }

    func testARunThatIsStoppedBeforeItsFirstRoundShowsNoFigure() async throws {
        let bench = try BenchmarkBench("early", settings: .endless)
        await bench.model.appear()
        try await bench.startAndStop(.person, afterARound: false)
        XCTAssertEqual(
            try bench.failure.text,
            "You stopped the run. No round was finished, so there is nothing to show.")
        await bench.model.clear()
        XCTAssertEqual(try bench.setup.choice.mode, .quick)
    }

    func testADelegateThatRefusesIsSaidAndNothingElseRunsInItsPlace() async throws {
        let bench = try BenchmarkBench("refused", delegates: ["cpu", "gpu"])
        await bench.model.appear()
        bench.model.toggle(delegate: "gpu")
        bench.model.toggle(delegate: "cpu")
        XCTAssertEqual(try bench.setup.choice.delegates, ["gpu"])
        await bench.model.start()
        let message = try bench.failure
        XCTAssertEqual(message.title, "This phone does not run it that way")
        XCTAssertTrue(message.text.hasSuffix("Nothing else was measured in its place."))
        XCTAssertEqual(message.detail?.contains("no delegate `gpu`"), true)
        XCTAssertFalse(FileManager.default.fileExists(atPath: bench.results.path))
    }

    func testTheOthersAreMeasuredBesideADelegateThatRefuses() async throws {
        let bench = try BenchmarkBench("partly-refused", delegates: ["cpu", "gpu"])
        await bench.model.appear()
        bench.model.toggle(delegate: "gpu")
        await bench.model.start()
        let outcome = try bench.outcome
        XCTAssertEqual(outcome.cases.map(\.title), ["CPU"])
        XCTAssertEqual(outcome.comparison, [])
        let remark = try XCTUnwrap(outcome.remarks.first { $0.contains("gpu") })
        XCTAssertTrue(remark.hasPrefix("gpu: it was not measured: "), remark)
        XCTAssertTrue(outcome.json.contains("\"refused\":true"))
    }

    func testAnArtifactThatIsNotTheOneThatWasExportedIsNotMeasured() async throws {
        let bundle = try copiedBundle("damaged")
        let bench = try BenchmarkBench("damaged", bundle: bundle)
        await bench.model.appear()
        let file = bundle.appendingPathComponent(try bench.setup.choice.artifacts[0])
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: file)
        await bench.model.start()
        XCTAssertEqual(try bench.failure.title, "The model is damaged")
    }

    func testAnAppWithoutABundleSaysThatThereIsNothingToMeasure() async throws {
        let nowhere = try Inputs.out("no-bundle").appendingPathComponent("none")
        let bench = try BenchmarkBench("no-bundle", bundle: nowhere)
        await bench.model.appear()
        XCTAssertEqual(try bench.failure.title, "There is no model to measure")
        await bench.model.start()
        XCTAssertEqual(try bench.failure.title, "There is no model to measure")
        // it is there now, and found when the screen is shown again
        try FileManager.default.copyItem(at: Inputs.bundle(), to: nowhere)
        await bench.model.appear()
        XCTAssertNoThrow(try bench.setup)
    }

    func testAFullDiskSharesNothingAndCanBeTriedAgain() async throws {
        let bench = try BenchmarkBench("full-disk")
        await bench.model.appear()
        try FileManager.default.createDirectory(
            at: bench.results, withIntermediateDirectories: true)
        // a name of the seconds to come leads where nothing can be written
        let now = Date()
        for second in 0..<60 {
            let name = resultName(
                created: now + Double(second), device: BenchMachine().device.model)
            try FileManager.default.createSymbolicLink(
                atPath: bench.results.appendingPathComponent(name + ".part").path,
                withDestinationPath: "/dev/full")
        }
        await bench.model.start()
        guard case .failed(let text) = try bench.outcome.export else {
            throw Unexpected(try bench.outcome.export)
        }
        XCTAssertTrue(text.contains("cannot be written"), text)
        XCTAssertTrue(text.localizedCaseInsensitiveContains("space"), text)
        XCTAssertEqual(try bench.results.jsonFiles(), [])
        // the link is gone, as if space had been made
        await bench.model.exportAgain()
        guard case .written(let file) = try bench.outcome.export else {
            throw Unexpected(try bench.outcome.export)
        }
        XCTAssertEqual(try bench.results.jsonFiles(), [file.lastPathComponent])
    }

    func testOnlyTheLastResultLiesThereToBeShared() async throws {
        let bench = try BenchmarkBench("last-result")
        await bench.model.appear()
        await bench.model.start()
        guard case .written(let first) = try bench.outcome.export else {
            throw Unexpected(try bench.outcome.export)
        }
        try await Task.sleep(for: .seconds(1.1))
        await bench.model.clear()
        await bench.model.start()
        guard case .written(let second) = try bench.outcome.export else {
            throw Unexpected(try bench.outcome.export)
        }
        XCTAssertNotEqual(first, second)
        XCTAssertEqual(try bench.results.jsonFiles(), [second.lastPathComponent])
    }

    func testWhoWantsTheDeviceWaitsUntilNothingIsMeasured() async throws {
        let bench = try BenchmarkBench("waits", settings: .endless)
        await bench.model.appear()
        let run = Task { await bench.model.start() }
        try await waitUntil("a run") { bench.isMeasuring }
        await bench.model.end(.left)
        await run.value
        XCTAssertTrue(try bench.text.contains(BenchmarkStopReason.left.text))
        // where nothing runs, there is nothing to wait for
        await bench.model.end(.left)
    }

    func testTheOtherScreensLetGoBeforeItMeasures() async throws {
        var before: BenchmarkState?
        var bench: BenchmarkBench?
        bench = try BenchmarkBench("before") { before = bench?.model.state }
        await bench?.model.appear()
        await bench?.model.start()
        guard case .running(let running)? = before else { throw Unexpected(before as Any) }
        XCTAssertNil(running.chart)
    }

    func testASecondStartWhileOneRunsDoesNothing() async throws {
        let bench = try BenchmarkBench("twice", settings: .endless)
        await bench.model.appear()
        let run = Task { await bench.model.start() }
        try await waitUntil("run") {
            if case .running = bench.model.state { true } else { false }
        }
        await bench.model.start()
        await bench.model.clear()
        await bench.model.appear()
        guard case .running = bench.model.state else { throw Unexpected(bench.model.state) }
        bench.model.stop(.left)
        await run.value
        XCTAssertTrue(try bench.text.contains(BenchmarkStopReason.left.text))
    }

    func testAScreenThatIsShownAgainWhileTheBundleIsReadIsOpenedOnce() async throws {
        let isShownAgain = DispatchSemaphore(value: 0)
        let bench = try BenchmarkBench("shown-again", whileOpening: { isShownAgain.wait() })
        let first = Task { await bench.model.appear() }
        try await waitUntil("opening") { bench.openings.value == 1 }
        let second = Task { await bench.model.appear() }
        // tasks of the main actor begin in order: the second has looked whether it is to open
        await Task { @MainActor in }.value
        for _ in 0..<2 { isShownAgain.signal() }
        for shown in [first, second] { await shown.value }
        XCTAssertEqual(bench.openings.value, 1)
        XCTAssertNoThrow(try bench.setup)
    }

    func testSaysWhatSpoilsTheFiguresBeforeAndAfter() async throws {
        var machine = BenchMachine()
        machine.device = DeviceDescription(
            model: nil, chip: nil, machine: "arm64", cores: 6, memoryBytes: nil, system: "iOS 18",
            runner: "test", emulated: true)
        machine.now = DeviceState(thermalStatus: "fair", batteryPercent: 20, power: .mains)
        let surroundings = BenchmarkSurroundings(isDebugBuild: true, isLowPowerMode: { true })
        let bench = try BenchmarkBench("spoiled", machine: machine, surroundings: surroundings)
        await bench.model.appear()
        XCTAssertEqual(try bench.setup.conditions, BenchmarkCondition.allCases)
        await bench.model.start()
        let outcome = try bench.outcome
        XCTAssertEqual(
            Array(outcome.remarks.prefix(BenchmarkCondition.allCases.count)),
            BenchmarkCondition.allCases.map(\.text))
        XCTAssertEqual(
            outcome.rows.first, FigureRow("Heat, before and after", "a little warm, a little warm"))

        // and a phone at rest has nothing of the kind
        let rested = try BenchmarkBench("rested")
        await rested.model.appear()
        XCTAssertEqual(try rested.setup.conditions, [])
    }

    func testOneArtifactAndOneDelegateAlwaysStayChosen() async throws {
        let bench = try BenchmarkBench("choice", delegates: ["cpu", "gpu"])
        await bench.model.appear()
        let usual = try bench.setup.choice
        bench.model.toggle(delegate: "cpu")
        bench.model.toggle(artifact: usual.artifacts[0])
        bench.model.toggle(delegate: "none such")
        XCTAssertEqual(try bench.setup.choice, usual)
        bench.model.toggle(delegate: "gpu")
        bench.model.choose(mode: .sustained)
        XCTAssertEqual(try bench.setup.cases.map(\.delegate), ["cpu", "gpu"])
        XCTAssertEqual(try bench.setup.delegateOptions.map(\.isChosen), [true, true])
        XCTAssertEqual(try bench.setup.choice.mode, .sustained)
    }
}

extension URL {
    fileprivate func jsonFiles() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".json") }
    }
}
