import Foundation
import XCTest

@testable import MobileViTCore

final class BenchmarkPlanTests: XCTestCase {
    private let plan = Plan(
        run: "0123456789ab",
        protocol: ProtocolSettings(rounds: 3, sustainedS: 60, seed: 7),
        cases: [
            PlannedCase(
                id: "0", artifact: "artifacts/0/a.onnx",
                artifactSha256: String(repeating: "0", count: 64), runtime: "onnxruntime",
                delegate: "cpu", threads: 2,
                feeds: [
                    PlannedFeed(
                        name: "image", dtype: "float32", shape: [1, 3, 8, 8], file: "feeds/0/0.bin")
                ]),
            PlannedCase(
                id: "1", artifact: "artifacts/0/a.onnx",
                artifactSha256: String(repeating: "0", count: 64), runtime: "onnxruntime",
                delegate: "cpu"),
        ])

    func testWhatIsWrittenIsRead() throws {
        XCTAssertEqual(try readPlan(Data(encodeLine(plan).utf8)), plan)
    }

    func testAProtocolThatIsLeftOutIsTheUsualOne() throws {
        let text = try encodeLine(plan)
        let least = text.replacingOccurrences(
            of: #""protocol":\{[^}]*\}"#, with: #""protocol":{}"#, options: .regularExpression)
        XCTAssertNotEqual(least, text)
        XCTAssertEqual(try readPlan(Data(least.utf8)).protocol, ProtocolSettings())
    }

    func testANewerPlanIsRefusedBeforeAllElse() throws {
        let newer = try refusal(#"{"schema_version": 2, "runs": {}}"#)
        XCTAssertEqual(
            newer.message, "`plan.json` has schema version 2, and this release reads 1")
        XCTAssertNotNil(newer.hint)
        let text = try encodeLine(plan)
        _ = try refusal(changed(text, #""schema_version":1"#, #""schema_version":"1""#))
        _ = try refusal(changed(text, #""schema_version":1"#, #""schema_version":1.0"#))
    }

    func testNoPathLeavesTheFolder() throws {
        let text = try encodeLine(plan)
        for path in [
            "../a.onnx", "/a.onnx", "a/../../b", "a//b", #"a\\b"#, ".a", "a/", "", #"a\n"#, "a/./b",
        ] {
            let error = try refusal(changed(text, "artifacts/0/a.onnx", path))
            XCTAssert(
                error.message.hasPrefix(Self.isNot + "cases.0.artifact: String should match"),
                error.message)
            let feed = try refusal(changed(text, "feeds/0/0.bin", path))
            XCTAssert(feed.message.hasPrefix(Self.isNot + "cases.0.feeds.0.file: "), feed.message)
        }
    }

    func testWhatTheSchemaDoesNotHaveIsRefused() throws {
        let text = try encodeLine(plan)
        for (from, to) in [
            (#""run":"#, #""more":1,"run":"#),
            (#""launches":5"#, #""launches":null"#),
            (#""threads":2"#, #""threads":0"#),
            (#""threads":2"#, #""threads":2.0"#),
            (#""threads":2"#, #""threads":"2""#),
            (#""threads":2"#, #""threads":99999999999999999999"#),
            (#""threads":2,"#, ""),
            (#""rounds":3"#, #""rounds":-3"#),
            (#""warmup_cap_s":5.0"#, #""warmup_cap_s":0"#),
            (#""warmup_cap_s":5.0"#, #""warmup_cap_s":1e999"#),
            (#""warmup_cap_s":5.0"#, #""warmup_cap_s":NaN"#),
            (#""round_min_s":0.1"#, #""round_min_s":-0.1"#),
            (#""sustained_s":60.0"#, #""sustained_s":-1"#),
            (#""seed":7"#, #""seed":-1"#),
            (#""float32""#, #""bfloat16""#),
            (#""shape":[1,"#, #""shape":[0,"#),
            ("0123456789ab", "0123456789AB"),
            ("0123456789ab", #"0123456789ab\n"#),
            (#""id":"1""#, #""id":"0""#),
            (#""id":"1""#, #""id":"12345""#),
            (#","feeds":null"#, ""),
            (#""feeds":null"#, #""feed":null"#),
        ] {
            let error = try refusal(changed(text, from, to))
            XCTAssert(error.message.hasPrefix(Self.isNot), "\(to): \(error.message)")
        }
        for cut in [text.count - 1, text.count / 2, 1, 0] {
            _ = try refusal(String(text.prefix(cut)))
        }
        _ = try refusal("[]")
        _ = try refusal(#"{"run": "0123456789ab", "protocol": {}, "cases": []}"#)
    }

    func testRunsThatAreDrawnAreNamesOfRuns() {
        for _ in 0..<100 { XCTAssert(Plan.drawRun().matches(runPattern)) }
    }

    /// The control: what replaces nothing tests nothing.
    private func changed(_ text: String, _ from: String, _ to: String) throws -> String {
        let range = try XCTUnwrap(text.range(of: from), "no \(from) in \(text)")
        return text.replacingCharacters(in: range, with: to)
    }

    private func refusal(_ text: String) throws -> MobileViTError {
        do {
            _ = try readPlan(Data(text.utf8))
        } catch let error as MobileViTError {
            XCTAssertEqual(error.kind, .input)
            XCTAssertFalse(error.message.contains("\n"))
            return error
        }
        struct WasRead: Error { let text: String }
        throw WasRead(text: text)
    }

    private static let isNot = "`plan.json` is not a benchmark plan: "
}
