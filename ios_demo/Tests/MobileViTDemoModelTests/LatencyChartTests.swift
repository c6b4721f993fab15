import Foundation
import MobileViTCore
import MobileViTFixtures
import XCTest

@testable import MobileViTDemoModel

final class LatencyChartTests: XCTestCase {
    func testEachRunHasItsPlaceInTheOrderOfTheRuns() throws {
        let chart = try chart(recordsInTurns(rounds: 2))
        XCTAssertEqual(chart.window, 1)
        XCTAssertEqual(chart.points.count, 6 + 12)
        XCTAssertEqual(chart.series, ["A", "B"])
        // warm-up of both, 18 ms each, then A's first round
        XCTAssertEqual(chart.bands[2].fromS, 0.036, accuracy: 1e-9)
        XCTAssertEqual(chart.bands.map(\.series), ["A", "B", "A", "B", "A", "B"])
        XCTAssertEqual(chart.points[6].seconds, 0.036 + 0.002, accuracy: 1e-9)
        XCTAssertEqual(chart.endS, 0.036 + 2 * (0.0123 + 0.0243), accuracy: 1e-9)
        XCTAssertEqual(chart.points.map(\.seconds), chart.points.map(\.seconds).sorted())
        XCTAssertEqual(chart.medians.map(\.ms), [4.1, 8.1])
        XCTAssertEqual(chart.rounds.map(\.ms), [4.1, 8.1, 4.1, 8.1])
        XCTAssertEqual(chart.points.filter(\.isWarmUp).count, 6)
    }

    func testDisturbedRoundsAreShaded() throws {
        let chart = try chart(recordsInTurns())
        let shaded = chart.shades.filter { $0.kind == .disturbed }
        XCTAssertEqual(shaded.map(\.series), ["A", "B", "A"])
        XCTAssertEqual(chart.shades.filter { $0.kind == .warmUp }.count, 2)
    }

    func testThereIsNoChartBeforeTheFirstRun() {
        XCTAssertNil(LatencyChart(RecordMaker().trace(["0"]), titles: ["A"]))
    }

    func testManyRunsAreShownInWindowsThatHideNothing() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<30 {
            var made = RecordMaker()
            made.open("0")
            var all: [Double] = []
            for number in 0..<Int.random(in: 1...9, using: &random) {
                let runs = (0..<Int.random(in: 1...900, using: &random)).map { _ in
                    (Double.random(in: 4...6, using: &random) * 1e6).rounded() / 1e6
                }
                made.round("0", number, runs)
                all += runs
            }
            let chart = try chart(made)
            XCTAssertLessThanOrEqual(chart.points.count, 400 + chart.bands.count)
            // each window's extremes are there, so that no run lies beyond what is drawn
            let (least, most) = (try XCTUnwrap(all.min()), try XCTUnwrap(all.max()))
            XCTAssertEqual(chart.points.map(\.lowMs).min() ?? 0, least, accuracy: 1e-5)
            XCTAssertEqual(
                chart.points.map(\.highMs).max() ?? 0, min(most, chart.latency.high),
                accuracy: 1e-5)
            XCTAssertTrue(chart.points.allSatisfy { $0.lowMs <= $0.ms && $0.ms <= $0.highMs })
            XCTAssertEqual(chart.endS, all.reduce(0, +) / 1e3, accuracy: 1e-6)
            XCTAssertEqual(chart.window == 1, all.count <= 400)
        }
    }

    func testAFewSlowRunsDoNotHideTheRest() throws {
        var made = RecordMaker()
        made.open("0")
        made.round("0", 0, Array(repeating: 5, count: 50) + [500, 900])
        let chart = try chart(made)
        XCTAssertLessThan(chart.latency.high, 10)
        XCTAssertEqual(chart.above, 2)
        XCTAssertEqual(chart.points.filter(\.isAbove).count, 2)
        XCTAssertTrue(chart.points.allSatisfy { $0.ms <= chart.latency.high })
        XCTAssertTrue(chart.key.contains { $0.hasPrefix("2 runs took longer") })
    }

    func testNoiseDoesNotLookLikeNews() throws {
        var made = RecordMaker()
        made.open("0")
        made.round("0", 0, [5, 5.001, 5.002])
        let chart = try chart(made)
        XCTAssertLessThanOrEqual(chart.latency.low, 4.5)
        XCTAssertGreaterThanOrEqual(chart.latency.high, 5.5)
    }

    func testTheAxisHoldsEveryRoundsMedian() throws {
        var made = RecordMaker()
        made.open("0")
        for number in 0..<19 { made.round("0", number, [5, 5, 5, 5, 5]) }
        made.round("0", 19, [20, 20])
        let chart = try chart(made)
        XCTAssertGreaterThanOrEqual(chart.latency.high, 20)
        XCTAssertEqual(chart.above, 0)
    }

    func testAxesHaveRoundTicksWithinWhatTheyHold() {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<500 {
            let low = Double.random(in: 0...100, using: &random)
            let high = low + pow(10, Double.random(in: -3...4, using: &random))
            let axis = ChartAxis(from: low, to: high, ticks: 4)
            XCTAssertLessThanOrEqual(axis.low, low + 1e-6)
            XCTAssertGreaterThanOrEqual(axis.high, high - 1e-6)
            XCTAssertTrue((3...7).contains(axis.ticks.count), "\(low) \(high): \(axis)")
            let digit = axis.step / pow(10, (log10(axis.step) + 1e-9).rounded(.down))
            XCTAssertTrue([1, 2, 5].contains { abs($0 - digit) < 1e-6 }, "\(axis.step)")
            // no two ticks read the same
            let labels = axis.ticks.map { axis.label($0, locale: Locale(identifier: "en_US")) }
            XCTAssertEqual(Set(labels).count, labels.count, "\(labels)")
        }
        let axis = ChartAxis(from: 0, to: 0.42, ticks: 4)
        let labels = axis.ticks.map { axis.label($0, locale: Locale(identifier: "en_US")) }
        XCTAssertEqual(labels, ["0.0", "0.2", "0.4", "0.6"])
    }

    private func chart(_ made: RecordMaker) throws -> LatencyChart {
        let ids =
            made.records.contains { record in
                if case .opened(let opened) = record { opened.case == "1" } else { false }
            } ? ["0", "1"] : ["0"]
        return try XCTUnwrap(
            LatencyChart(made.trace(ids), titles: Array(["A", "B"].prefix(ids.count))))
    }
}
