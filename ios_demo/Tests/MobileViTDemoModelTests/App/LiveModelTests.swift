import Foundation
import MobileViTCore
import MobileViTFixtures
import XCTest

@testable import MobileViTDemoModel

@MainActor
final class LiveModelTests: XCTestCase, @unchecked Sendable {  // it keeps nothing
    func testNamesWhatTheCameraSeesAsTheReferenceDoes() async throws {
        let bench = try AppBench()
        try await bench.start()
        for index in 2..<4 {  // which have different labels
            let golden = try Golden(index)
            try await bench.wait(for: golden.label) {
                bench.camera.show(golden.image)
                return bench.liveCard?.first.label == golden.label
            }
            let card = try XCTUnwrap(bench.liveCard)
            XCTAssertEqual(card.first.percent, "\(Int((golden.probability * 100).rounded()))%")
            XCTAssertEqual(card.confidence, golden.probability, accuracy: 1e-4)
            XCTAssertEqual(card.runnersUp.count, 2)
            XCTAssertTrue(card.timing.contains(" ms in all) · ONNX Runtime · "), card.timing)
            XCTAssertEqual(
                bench.app.live.state.frame,
                PixelSize(width: golden.image.width, height: golden.image.height))
        }
    }

    func testAScreenReaderHearsALabelOnceWhenItHasStayed() async throws {
        let bench = try AppBench()
        try await bench.start()
        let golden = try Golden(0)
        try await bench.wait(for: "the label") {
            bench.camera.show(golden.image)
            return bench.said.words.count == 1
        }
        let end = ContinuousClock.now + .milliseconds(1500)
        try await bench.wait(for: "more frames") {
            bench.camera.show(golden.image)
            return ContinuousClock.now > end
        }
        XCTAssertEqual(bench.said.words.count, 1)
        XCTAssertTrue(bench.said.words[0].hasPrefix("\(golden.label), "), bench.said.words[0])
        XCTAssertTrue(bench.said.words[0].contains(". Then: "), bench.said.words[0])
    }

    func testAsksForTheCameraOnceAndGoesOnWhenItIsAllowed() async throws {
        let bench = try AppBench()
        bench.camera.permission = .undecided
        bench.app.phaseIs(.active)
        // the system's question lies over the app meanwhile
        bench.app.phaseIs(.inactive)
        bench.app.phaseIs(.active)
        try await bench.wait(for: "the camera") { bench.camera.starts == 1 }
        XCTAssertEqual(bench.camera.asked, 1)
    }

    func testLeadsToTheSettingsWhereTheCameraIsNotAllowed() async throws {
        let bench = try AppBench()
        bench.camera.permission = .undecided
        bench.camera.answer = .denied
        bench.app.phaseIs(.active)
        try await bench.wait(for: "the refusal") { bench.liveProblem != nil }
        XCTAssertEqual(bench.liveProblem?.wayOut, .openSettings)
        XCTAssertEqual(bench.liveProblem?.title, "The camera is switched off for this app")
        XCTAssertEqual(bench.camera.starts, 0)
        // allowed in the settings, and back
        bench.app.phaseIs(.background)
        bench.camera.permission = .granted
        bench.app.phaseIs(.active)
        XCTAssertNil(bench.liveProblem)
        XCTAssertEqual(bench.camera.starts, 1)
    }

    func testAPermissionThatIsWithdrawnWhileTheAppIsAwayIsTold() async throws {
        let bench = try AppBench()
        try await bench.start()
        bench.app.phaseIs(.background)
        XCTAssertNil(bench.camera.frames)
        bench.camera.permission = .denied
        bench.app.phaseIs(.active)
        XCTAssertEqual(bench.liveProblem?.wayOut, .openSettings)
        bench.camera.permission = .restricted
        bench.app.phaseIs(.background)
        bench.app.phaseIs(.active)
        XCTAssertEqual(bench.liveProblem?.wayOut, .choosePhoto)
        XCTAssertEqual(bench.liveProblem?.title, "The camera is blocked on this device")
    }

    func testEachWayThatACameraFailsHasItsOwnWordsAndAWayOut() async throws {
        let bench = try AppBench()
        try await bench.start()
        var titles: Set<String> = []
        for failure in CameraFailure.allCases {
            bench.camera.changed?(.failed(failure))
            let problem = try XCTUnwrap(bench.liveProblem)
            titles.insert(problem.title)
            XCTAssertNotNil(problem.wayOut)
            XCTAssertEqual(problem.subject, .camera)
            bench.camera.changed?(.interrupted(failure))
            XCTAssertEqual(bench.liveProblem, problem)
        }
        XCTAssertEqual(titles.count, CameraFailure.allCases.count)
    }

    func testACameraThatAnotherAppTakesComesBackByItself() async throws {
        let bench = try AppBench()
        try await bench.start()
        let golden = try Golden(0)
        try await bench.wait(for: "a label") {
            bench.camera.show(golden.image)
            return bench.liveCard != nil
        }
        bench.camera.changed?(.interrupted(.inUse))
        XCTAssertEqual(bench.liveProblem?.title, "Another app has the camera")
        bench.camera.changed?(.running)
        // what was seen before is old
        XCTAssertEqual(bench.app.live.state.scene, .starting)
        // and by hand
        bench.camera.changed?(.failed(.lost))
        bench.app.live.take(.reopenCamera)
        XCTAssertEqual(bench.camera.starts, 2)
        XCTAssertNil(bench.liveProblem)
    }

    func testGivesTheCameraBackWhereItIsNotSeen() async throws {
        let bench = try AppBench()
        try await bench.start()
        for tab in [AppModel.Tab.photo, .benchmark, .selfTest] {
            XCTAssertNotNil(bench.camera.frames)
            bench.app.select(tab)
            XCTAssertNil(bench.camera.frames)
            // the end of the camera's own start comes late
            bench.camera.changed?(.failed(.lost))
            bench.app.select(.live)
            XCTAssertNil(bench.liveProblem)
        }
    }

    func testAppsWithoutAGoodBundleSayWhatIsWrongAndTryAgain() async throws {
        let cases: [(String, String, (URL) throws -> Void)] = [
            ("missing", "is not a bundle", { try FileManager.default.removeItem(at: $0) }),
            (
                "cut", "manifest.json",
                { folder in
                    let file = folder.appendingPathComponent("manifest.json")
                    try Data(contentsOf: file).dropLast(100).write(to: file)
                }
            ),
            (
                "changed", "mobilevit_xxs_fp32.onnx",
                { folder in
                    let file = folder.appendingPathComponent("mobilevit_xxs_fp32.onnx")
                    var bytes = try Data(contentsOf: file)
                    bytes[bytes.count / 2] ^= 1
                    try bytes.write(to: file)
                }
            ),
            (
                "lost", "labels.txt",
                { try FileManager.default.removeItem(at: $0.appendingPathComponent("labels.txt")) }
            ),
        ]
        for (name, words, change) in cases {
            let folder = try bundle("live-\(name)", changed: change)
            let bench = try AppBench(bundle: folder)
            bench.app.phaseIs(.active)
            try await bench.wait(for: name) { bench.liveProblem != nil }
            let problem = try XCTUnwrap(bench.liveProblem)
            XCTAssertEqual(problem.title, "The model cannot be opened")
            XCTAssertEqual(problem.wayOut, .reopenModel)
            XCTAssertTrue(problem.text.contains(words), problem.text)
            XCTAssertTrue(problem.text.contains("What helps: "), problem.text)
            XCTAssertEqual(bench.app.selfTest.state.verdict.title, problem.title)
            // mended, as by a newer version of the app
            try? FileManager.default.removeItem(at: folder)
            try FileManager.default.copyItem(at: Inputs.bundle(), to: folder)
            bench.app.live.take(.reopenModel)
            try await bench.wait(for: "the model") { bench.app.selfTest.state.facts.count > 0 }
            XCTAssertNil(bench.liveProblem)
        }
    }

    func testADelegateThatIsRefusedIsToldWithWhatRunsInstead() async throws {
        let bench = try AppBench(delegate: "gpu")
        try await bench.start()
        let golden = try Golden(0)
        try await bench.wait(for: "a label") {
            bench.camera.show(golden.image)
            return bench.liveCard != nil
        }
        let refusal = try XCTUnwrap(bench.liveCard?.refusal)
        XCTAssertTrue(refusal.hasPrefix("Not on what was asked for: "), refusal)
        XCTAssertTrue(refusal.contains("gpu"), refusal)
    }

    func testAFrameThatCannotBeReadStopsWithAWayOut() async throws {
        let bench = try AppBench()
        try await bench.start()
        let cause = MobileViTError(.image, "a frame of format abcd is not one that is read here")
        bench.camera.frames?.offer { _ in throw cause }
        try await bench.wait(for: "the problem") { bench.liveProblem != nil }
        XCTAssertEqual(bench.liveProblem?.title, "The model stopped")
        XCTAssertEqual(
            bench.liveProblem?.text, "A frame of format abcd is not one that is read here.")
        bench.app.live.take(.reopenModel)
        try await bench.wait(for: "the model") { bench.liveProblem == nil }
    }

    func testLowMemoryFreesTheModelWhereNothingIsSeenAndItComesBack() async throws {
        let bench = try AppBench()
        try await bench.start()
        bench.app.memoryIsShort()
        XCTAssertFalse(bench.app.selfTest.state.facts.isEmpty, "the live screen needs its model")
        bench.app.phaseIs(.background)
        bench.app.memoryIsShort()
        XCTAssertTrue(bench.app.selfTest.state.facts.isEmpty)
        bench.app.phaseIs(.active)
        let golden = try Golden(0)
        try await bench.wait(for: "a label") {
            bench.camera.show(golden.image)
            return bench.liveCard?.first.label == golden.label
        }
    }

    func testAPhoneThatIsWarmSaysSo() async throws {
        let bench = try AppBench()
        let hints: [(String?, String?)] = [
            (nil, nil), ("nominal", nil), ("fair", nil),
            ("serious", "Phone is warm: slower than it can be"),
            ("critical", "Phone is hot: much slower until it cools"), ("unheard of", nil),
        ]
        for (state, hint) in hints {
            bench.app.warmthIs(Warmth(thermalState: state))
            XCTAssertEqual(bench.app.live.state.warmth.hint, hint)
        }
    }

    func testTheCameraMakesWayForABenchmarkThatAURLAsksForAndComesBack() async throws {
        let bench = try AppBench()
        try await bench.start()
        bench.app.receive(try XCTUnwrap(URL(string: "mobilevit-demo://benchmark/0123456789ab")))
        XCTAssertNotNil(bench.camera.frames, "the person is asked first")
        // nobody put a plan there
        await bench.app.requests.accept()
        XCTAssertEqual(bench.camera.starts, 2)
        XCTAssertNotNil(bench.camera.frames)
        XCTAssertNil(bench.liveProblem)
    }

    func testTheBenchmarkLooksAtThePhoneAgainWhenTheAppComesBack() async throws {
        let bench = try AppBench()
        try await bench.start()
        var setups = 0
        bench.app.benchmark.changed = { if case .ready = $0 { setups += 1 } }
        bench.app.select(.benchmark)
        try await bench.wait(for: "the setup and its conditions") { setups == 2 }
        // as where the charger was pulled out meanwhile
        bench.app.phaseIs(.background)
        bench.app.phaseIs(.active)
        try await bench.wait(for: "the conditions") { setups == 3 }
    }

    func testNothingComesBackWhileABenchmarkThatAURLAsksForGoesOn() async throws {
        let runs = try plannedRuns("app-busy", settings: .endless)
        let bench = try AppBench(runs: runs)
        try await bench.start()
        bench.app.receive(try XCTUnwrap(URL(string: "mobilevit-demo://benchmark/\(plannedRun)")))
        let accepted = Task { await bench.app.requests.accept() }
        try await bench.wait(for: "a round") {
            bench.app.requests.state.message?.text.hasPrefix("1 round ") ?? false
        }
        // beside it, another app hands over a photo, and this one goes away and comes back
        let photo = try Golden(0).picked()
        bench.app.look { photo }
        bench.app.select(.live)
        bench.app.phaseIs(.background)
        bench.app.phaseIs(.active)
        XCTAssertTrue(bench.app.requests.state.isRunning)
        XCTAssertNil(bench.camera.frames)
        XCTAssertEqual(bench.app.selfTest.state.facts, [], "the model is open")
        await accepted.value
        XCTAssertNotNil(bench.camera.frames)
        bench.app.select(.photo)
        try await bench.wait(for: "the photo's label") { bench.photoCard != nil }
    }
}
