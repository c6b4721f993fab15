import Foundation
import MobileViTCore
import XCTest

@testable import MobileViTDemoModel

final class BenchmarkWordsTests: XCTestCase {
    private let words = BenchmarkWords(locale: Locale(identifier: "en_US_POSIX"))

    func testThreeFiguresCount() {
        let shown = [
            (0.1234, "0.123"), (0.9994, "0.999"), (0.9996, "1.00"), (1.234, "1.23"),
            (9.996, "10.0"), (12.34, "12.3"), (99.96, "100"), (1234.5, "1234"),
        ]
        for (ms, text) in shown { XCTAssertEqual(words.figures(ms: ms), text) }
        XCTAssertEqual(words.milliseconds(ns: 12_340_000), "12.3 ms")
    }

    func testNumbersAreInThePersonsOwnNotation() {
        let german = BenchmarkWords(locale: Locale(identifier: "de_DE"))
        XCTAssertEqual(german.figures(ms: 1.234), "1,23")
        XCTAssertEqual(german.percent(0.0525), "5,2 %")
        XCTAssertEqual(german.megabytes(1_234_567_890), "1235 MB")
    }

    func testOneIsNotSeveral() {
        XCTAssertEqual(words.count(1, "run"), "1 run")
        XCTAssertEqual(words.count(2, "run"), "2 runs")
        XCTAssertEqual(words.count(0, "launch", "launches"), "0 launches")
    }

    func testSaysWhatSpoilsTheFiguresOfWhichCase() {
        var made = recordsInTurns()
        made.refuse("1", "out of memory")
        let trace = made.trace(["0", "1"])
        let both = remarks(on: ["A", "B"], trace, conditions: [.charging], words: words)
        XCTAssertEqual(
            both,
            [
                BenchmarkCondition.charging.text,
                "A: 2 of 8 rounds are marked: beside them a fixed piece of work ran slow too, so the "
                    + "phone was busy or hot.",
                "B: the times had not settled when the warm-up was ended.",
                "B: 1 of 8 rounds is marked: beside it a fixed piece of work ran slow too, so the "
                    + "phone was busy or hot.",
                "B: the runtime gave up before the end: out of memory",
            ])
        var alone = RecordMaker()
        alone.refuse("0", "no such unit")
        XCTAssertEqual(
            remarks(on: ["A"], alone.trace(["0"]), conditions: [], words: words),
            ["It was not measured: no such unit"])
    }

    func testSaysADriftThatIsWorthSaying() {
        var made = RecordMaker()
        for pace in [1.0, 1, 1, 1, 1, 1, 1.2, 1.2] { made.sentinel(pace) }
        let slower = remarks(on: ["A"], made.trace(["0"]), conditions: [], words: words)
        XCTAssertEqual(
            slower, ["By a fixed piece of work, the phone became 20.0 % slower over the run."])
        XCTAssertEqual(
            machineRows(made.trace(["0"]), words: words).last,
            FigureRow("Drift of the phone", "+20.0 %"))
        // under sustained load there is nothing between the runs to tell it
        let sustained = made.trace(["0"], isSustained: true)
        XCTAssertEqual(remarks(on: ["A"], sustained, conditions: [], words: words), [])
        XCTAssertEqual(machineRows(sustained, words: words).count, 1)
    }

    func testComparesWithTheFastest() throws {
        let trace = recordsInTurns().trace(["0", "1"])
        let outcomes = zip(trace.cases, ["Neural Engine", "CPU"]).compactMap {
            CaseOutcome($0, title: $1, runtime: "coreml", in: trace, words: words)
        }
        XCTAssertEqual(outcomes.map(\.median), ["4.10 ms", "8.10 ms"])
        XCTAssertEqual(
            comparison(of: outcomes, words: words),
            ["Neural Engine has the lowest median.", "CPU takes 1.98 times as long."])
        XCTAssertEqual(comparison(of: Array(outcomes.prefix(1)), words: words), [])
        XCTAssertEqual(outcomes[0].basis, "Median of 24 runs in 8 rounds")
        let rows = Dictionary(uniqueKeysWithValues: outcomes[0].rows.map { ($0.label, $0.value) })
        XCTAssertEqual(rows["Load"], "20.0 ms")
        XCTAssertEqual(rows["First run"], "9.00 ms")
        XCTAssertEqual(rows["Peak memory of the app"], "not told")
        XCTAssertEqual(rows["Runtime"], "Core ML 1.0")
        XCTAssertEqual(rows["Throttled"], nil)
    }

    func testProgressGrowsToItsEnd() {
        let settings = ProtocolSettings(launches: 1, rounds: 8)
        let records = recordsInTurns().records
        var trace = BenchmarkTrace(cases: ["0", "1"], isSustained: false)
        var last = 0.0
        for record in records {
            trace.add(record)
            let share = BenchmarkProgress(trace, titles: ["A", "B"], settings: settings).share
            XCTAssertGreaterThanOrEqual(share, last)
            last = share
        }
        XCTAssertEqual(last, 1)
    }

    func testProgressSaysWhichRound() {
        var made = RecordMaker()
        let progress = { (made: RecordMaker) in
            BenchmarkProgress(
                made.trace(["0", "1"]), titles: ["A", "B"],
                settings: ProtocolSettings(launches: 2, rounds: 4))
        }
        XCTAssertEqual(progress(made).detail, "Launch 1 of 2: loading")
        for id in ["0", "1"] { made.open(id) }
        XCTAssertEqual(progress(made).detail, "Launch 1 of 2: warming up")
        for id in ["0", "1"] { made.warmUp(id, [1]) }
        XCTAssertEqual(progress(made).detail, "Launch 1 of 2: round 1 of 4")
        made.round("0", 0, [1])
        XCTAssertEqual(progress(made).detail, "Launch 1 of 2: round 1 of 4")
        made.round("1", 0, [1])
        XCTAssertEqual(progress(made).detail, "Launch 1 of 2: round 2 of 4")
        XCTAssertEqual(progress(made).share, 0.25)
        for id in ["0", "1"] { made.close(id) }
        XCTAssertEqual(progress(made).detail, "Launch 2 of 2: loading")
        XCTAssertEqual(progress(made).title, "Measuring")
    }

    func testProgressUnderSustainedLoadIsOfTime() {
        var made = RecordMaker()
        made.open("0")
        made.warmUp("0", [1])
        for number in 0..<5 { made.round("0", number, [500, 500]) }
        let progress = BenchmarkProgress(
            made.trace(["0", "1"], isSustained: true), titles: ["A", "B"],
            settings: ProtocolSettings(sustainedS: 10))
        XCTAssertEqual(progress.detail, "A: second 5 of 10")
        XCTAssertEqual(progress.share, 0.25)
    }

    func testTheChartIsSaidInWords() {
        let text = chartText(recordsInTurns().trace(["0", "1"]), titles: ["A", "B"], words: words)
        XCTAssertEqual(
            text,
            "A, 24 runs in 8 rounds: median 4.10 milliseconds, nine of ten within 4.20, fastest 4.00, "
                + "slowest 4.20. 2 rounds marked as disturbed. B, 24 runs in 8 rounds: median 8.10 "
                + "milliseconds, nine of ten within 8.20, fastest 8.00, slowest 8.20. 1 round marked as "
                + "disturbed. 6 runs before them shaded as warm-up.")
        XCTAssertEqual(
            chartText(RecordMaker().trace(["0"]), titles: ["A"], words: words),
            "Times appear here once the warm-up is over.")
    }

    func testFilesAreNamedAfterDeviceAndMoment() throws {
        let zone = try XCTUnwrap(TimeZone(secondsFromGMT: 3600))
        let moment = Date(timeIntervalSince1970: 1_763_859_601)
        XCTAssertEqual(
            resultName(created: moment, device: "iPhone 15 Pro (\u{e9}/..)", zone: zone),
            "mobilevit-benchmark-iphone-15-pro-20251123-020001.json")
        XCTAssertEqual(
            resultName(created: moment, device: nil, zone: zone),
            "mobilevit-benchmark-20251123-020001.json")
    }
}
