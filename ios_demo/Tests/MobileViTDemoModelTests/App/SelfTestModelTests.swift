import Foundation
import MobileViTCore
import MobileViTFixtures
import XCTest

@testable import MobileViTDemoModel

@MainActor
final class SelfTestModelTests: XCTestCase, @unchecked Sendable {  // it keeps nothing
    func testTheFirstStartSaysWhatTheTestFoundUntilItIsRead() async throws {
        let bench = try AppBench()
        XCTAssertNil(bench.app.live.state.notice)
        bench.app.phaseIs(.active)
        try await bench.wait(for: "the test") { bench.app.live.state.notice != nil }
        XCTAssertEqual(
            bench.app.live.state.notice, Notice(text: "Checking this phone…", tone: .neutral))
        XCTAssertNil(bench.app.selfTest.state.verdict.action)
        try await bench.start()
        XCTAssertEqual(
            bench.app.live.state.notice,
            Notice(text: "This phone computes what the training computed", tone: .good))
        bench.app.select(.selfTest)
        XCTAssertNil(bench.app.live.state.notice)

        let state = bench.app.selfTest.state
        XCTAssertEqual(state.verdict.tone, .good)
        XCTAssertEqual(state.verdict.action, "Run again")
        XCTAssertTrue(
            state.verdict.text.hasPrefix(
                "4 of 4 reference photos get the label of the training.\n"),
            state.verdict.text)
        XCTAssertNotNil(
            state.verdict.text.range(
                of: #"Probabilities differ by 0\.0+\d+ at most; up to 0\.\d+ is allowed\.$"#,
                options: .regularExpression), state.verdict.text)
        XCTAssertEqual(state.golden.map(\.label), try (0..<4).map { try Golden($0).label })
        XCTAssertTrue(state.golden.allSatisfy { $0.isGood && $0.text.hasPrefix("Same label · ") })
        XCTAssertTrue(state.pixels?.hasPrefix("15 kinds of picture ") ?? false)
        XCTAssertEqual(
            state.facts.map(\.name),
            [
                "Model", "File", "Runtime", "Runs on", "Allowed difference", "Knows", "Bundle",
                "App",
            ])
        try await bench.wait(for: "small pictures") {
            bench.app.selfTest.state.golden.allSatisfy { $0.picture != nil }
        }
        for golden in bench.app.selfTest.state.golden {
            XCTAssertLessThanOrEqual(
                max(golden.picture?.width ?? 0, golden.picture?.height ?? 0), 160)
        }
    }

    func testAPassIsRememberedForThisBundleAndVersionAndRunAgainWhenAsked() async throws {
        let first = try AppBench()
        try await first.start()
        let second = try AppBench(memory: first.memory)
        second.app.phaseIs(.active)
        try await second.wait(for: "the model") { !second.app.selfTest.state.facts.isEmpty }
        XCTAssertEqual(second.app.selfTest.progress, .passedBefore)
        XCTAssertNil(second.app.live.state.notice)
        // its details are not remembered
        second.app.select(.selfTest)
        XCTAssertEqual(second.app.selfTest.progress, .running)
        try await second.start()
        XCTAssertEqual(second.app.selfTest.state.verdict.tone, .good)
        second.app.selfTest.run()
        XCTAssertEqual(second.app.selfTest.progress, .running)
        try await second.start()

        let newer = try AppBench(memory: first.memory, version: "1.1 (2)")
        newer.app.phaseIs(.active)
        try await newer.wait(for: "the test") { newer.app.selfTest.progress == .running }
    }

    func testAPhoneThatComputesWrongIsToldSoAtEachStart() async throws {
        // two photos of different labels change places: what is expected of each is not what comes
        let golden = try ModelBundle(folder: Inputs.bundle()).manifest.golden
        let folder = try bundle("self-test-wrong") { folder in
            try rewriteManifest(in: folder) { text in
                var text = text
                for (one, other) in [
                    (golden[2].file, golden[3].file), (golden[2].sha256, golden[3].sha256),
                ] {
                    text = text.replacingOccurrences(of: one, with: "¿")
                        .replacingOccurrences(of: other, with: one)
                        .replacingOccurrences(of: "¿", with: other)
                }
                return text
            }
        }
        let memory = try XCTUnwrap(UserDefaults(suiteName: UUID().uuidString))
        for _ in 0..<2 {
            let bench = try AppBench(bundle: folder, memory: memory)
            try await bench.start()
            let verdict = bench.app.selfTest.state.verdict
            XCTAssertEqual(
                verdict.title, "This phone computes something else than the training did")
            XCTAssertEqual(verdict.tone, .bad)
            XCTAssertTrue(
                verdict.text.hasPrefix("Do not rely on the labels that it gives.\n2 of 4 "),
                verdict.text)
            XCTAssertEqual(bench.app.selfTest.state.golden.map(\.isGood).filter { !$0 }.count, 2)
            bench.app.select(.selfTest)
            bench.app.select(.live)
            XCTAssertEqual(bench.app.live.state.notice?.tone, .bad, "reading it mends nothing")
        }
    }

    func testATestThatDoesNotRunSaysWhyAndTriesAgain() async throws {
        let folder = try bundle("self-test-lost") {
            try FileManager.default.removeItem(at: $0.appendingPathComponent("golden/2.png"))
        }
        let bench = try AppBench(bundle: folder)
        try await bench.start()
        XCTAssertEqual(bench.app.selfTest.state.verdict.title, "The self-test did not run")
        XCTAssertEqual(bench.app.selfTest.state.verdict.action, "Try again")
        XCTAssertTrue(bench.app.selfTest.state.verdict.text.contains("golden/2.png"))
        XCTAssertEqual(bench.app.live.state.notice?.tone, .caution)
        // the model is not to blame
        XCTAssertNil(bench.liveProblem)
        try FileManager.default.copyItem(
            at: Inputs.bundle().appendingPathComponent("golden/2.png"),
            to: folder.appendingPathComponent("golden/2.png"))
        bench.app.selfTest.run()
        try await bench.start()
        XCTAssertEqual(bench.app.selfTest.state.verdict.tone, .good)
    }

    func testATestThatIsInterruptedStartsOverAndIsToldOnce() async throws {
        let bench = try AppBench()
        bench.app.phaseIs(.active)
        try await bench.wait(for: "the test") { bench.app.selfTest.progress == .running }
        bench.app.phaseIs(.background)
        XCTAssertEqual(bench.app.selfTest.progress, .notRun)
        bench.app.memoryIsShort()
        try await Task.sleep(for: .milliseconds(50))
        XCTAssertEqual(bench.app.selfTest.progress, .notRun, "nothing is computed unseen")
        bench.app.phaseIs(.active)
        try await bench.wait(for: "the test again") { bench.app.selfTest.progress == .running }
        // a benchmark has the phone for itself
        bench.app.select(.benchmark)
        bench.app.memoryIsShort()
        XCTAssertEqual(bench.app.selfTest.progress, .notRun)
        bench.app.select(.photo)
        try await bench.start()
        XCTAssertEqual(bench.app.selfTest.state.verdict.tone, .good)
    }

    func testWordsOfWhatIsWrong() async {
        let words = SelfTestWords(figures: Figures(locale: Locale(identifier: "en_US")))
        func outcome(_ label: String, _ difference: Double) -> GoldenOutcome {
            GoldenOutcome(
                file: "a", label: label, expected: "church", sameLabel: label == "church",
                maxDifference: difference)
        }
        XCTAssertEqual(
            words.golden(outcome("church", 0.00123), allowed: 0.02).text,
            "Same label · differs by 0.0012")
        XCTAssertEqual(
            words.golden(outcome("church", 0.5), allowed: 0.02).text,
            "Same label · differs by 0.5: too much")
        XCTAssertEqual(
            words.golden(outcome("tench", .nan), allowed: 0.02).text,
            "Taken for tench · differs by what is no number")
        XCTAssertFalse(words.golden(outcome("church", .nan), allowed: 0.02).isGood)
        let exact = SelfTestResult(
            golden: [outcome("church", 0)], allowed: 0.02, wrongPixels: [], conformance: 0)
        XCTAssertEqual(
            words.verdict(on: exact).text,
            "1 of 1 reference photo gets the label of the training.\nProbabilities are the same to "
                + "the last digit; a difference of up to 0.02 is allowed.")
        XCTAssertEqual(words.pixels(exact), ["The bundle has no pictures to compare."])
        let pixels = SelfTestResult(
            golden: [outcome("church", 0)], allowed: 0.02, wrongPixels: ["grey: pixels differ"],
            conformance: 3)
        XCTAssertEqual(words.verdict(on: pixels).tone, .bad)
        XCTAssertTrue(
            words.verdict(on: pixels).text.hasSuffix(
                "1 of 3 kinds of picture gets other pixels than the training had:\ngrey: pixels differ"
            ))
    }
}
