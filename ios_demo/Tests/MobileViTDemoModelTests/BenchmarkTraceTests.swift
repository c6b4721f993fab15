import MobileViTCore
import XCTest

@testable import MobileViTDemoModel

final class BenchmarkTraceTests: XCTestCase {
    func testTellsTheStageOfCasesInTurns() {
        var made = RecordMaker()
        var stages: [BenchmarkTrace.Stage] = []
        let steps: [(inout RecordMaker) -> Void] = [
            { $0.open("0") }, { $0.open("1") }, { $0.warmUp("0", [1]) }, { $0.warmUp("1", [1]) },
            { $0.round("0", 0, [1]) }, { $0.close("0") }, { $0.close("1") },
            { $0.open("0", launch: 1) },
        ]
        for step in steps {
            step(&made)
            stages.append(made.trace(["0", "1"]).stage)
        }
        XCTAssertEqual(
            stages,
            [
                .loading, .warmingUp, .warmingUp, .measuring, .measuring, .loading, .loading,
                .loading,
            ])
    }

    func testACaseThatIsRefusedIsNotWaitedFor() {
        var made = RecordMaker()
        made.refuse("0", "no such unit")
        XCTAssertEqual(made.trace(["0", "1"]).stage, .loading)
        made.open("1")
        XCTAssertEqual(made.trace(["0", "1"]).stage, .warmingUp)
        made.warmUp("1", [1])
        XCTAssertEqual(made.trace(["0", "1"]).stage, .measuring)
        made.refuse("1", "out of memory")
        XCTAssertEqual(made.trace(["0", "1"]).stage, .loading)
        XCTAssertEqual(
            made.trace(["0", "1"]).cases.map(\.refusal), ["no such unit", "out of memory"])
    }

    func testUnderSustainedLoadEachCaseHasItsTurn() {
        var made = RecordMaker()
        made.open("0")
        XCTAssertEqual(made.trace(["0", "1"], isSustained: true).stage, .warmingUp)
        made.warmUp("0", [1])
        XCTAssertEqual(made.trace(["0", "1"], isSustained: true).stage, .measuring)
        // in turns, the other one would have to be opened too
        XCTAssertEqual(made.trace(["0", "1"]).stage, .loading)
    }

    func testKeepsTheOrderInWhichThingsWereRun() {
        let trace = recordsInTurns(rounds: 2).trace(["0", "1"])
        XCTAssertEqual(trace.stretches.map(\.index), [0, 1, 0, 1, 0, 1])
        XCTAssertEqual(trace.stretches.map(\.round), [nil, nil, 0, 0, 1, 1])
        XCTAssertEqual(trace.thermal, ["nominal", "fair"])
    }

    func testFiguresAreThoseOfTheRoundsAlone() throws {
        let trace = recordsInTurns().trace(["0", "1"])
        let figures = try trace.cases.map { try XCTUnwrap(CaseFigures($0, in: trace)) }
        XCTAssertEqual(figures.map(\.summary.count), [24, 24])
        XCTAssertEqual(figures.map(\.summary.p50Ns), [4.1e6, 8.1e6])
        XCTAssertEqual(figures.map(\.rounds), [8, 8])
        // the reading between the rounds of the two cases is beside both
        XCTAssertEqual(figures.map(\.disturbed), [[2, 3], [2]])
        XCTAssertEqual(figures.map(\.capped), [false, true])
        XCTAssertEqual(figures.map(\.loadNs), [20_000_000, 20_000_000])
        XCTAssertEqual(figures.map(\.delegateRan), ["on 0", "on 1"])
        XCTAssertTrue(figures.allSatisfy { $0.throttling == nil })
    }

    func testOfALaunchWithoutARoundNothingCounts() throws {
        var made = RecordMaker()
        made.open("0", launch: 0, loadMs: 10, firstMs: 3)
        made.warmUp("0", launch: 0, [1, 1])
        made.round("0", launch: 0, 0, [2, 2])
        made.close("0", launch: 0, peakMemory: 5)
        made.open("0", launch: 1, loadMs: 30, firstMs: 4)
        made.warmUp("0", launch: 1, [1, 1], capped: true)
        let trace = made.trace(["0"])
        let figures = try XCTUnwrap(CaseFigures(trace.cases[0], in: trace))
        XCTAssertEqual(figures.loadNs, 10_000_000)
        XCTAssertEqual(figures.peakMemory, 5)
        XCTAssertFalse(figures.capped)
        XCTAssertNil(CaseFigures(RecordMaker().trace(["0"]).cases[0], in: trace))
    }

    func testSustainedLoadHasThrottlingAndNoDisturbedRound() throws {
        var made = RecordMaker()
        made.open("0")
        made.warmUp("0", [1])
        made.sentinel(1)
        for number in 0..<20 { made.round("0", number, [number < 10 ? 5 : 8]) }
        for _ in 0..<5 { made.sentinel(9) }
        let trace = made.trace(["0"], isSustained: true)
        let figures = try XCTUnwrap(CaseFigures(trace.cases[0], in: trace))
        XCTAssertEqual(figures.throttling?.firstNs, 5e6)
        XCTAssertEqual(figures.throttling?.lastNs, 8e6)
        XCTAssertNotNil(figures.throttling?.afterS)
        XCTAssertEqual(figures.disturbed, [])
        XCTAssertNil(figures.mean)
    }
}
