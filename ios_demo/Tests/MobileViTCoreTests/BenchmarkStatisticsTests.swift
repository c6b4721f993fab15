import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

final class BenchmarkStatisticsTests: XCTestCase {
    func testSummariesArePythons() throws {
        for run in try corpus().runs {
            let own = summarize(run.rounds.flatMap(\.samplesNs))
            XCTAssertEqual(own.count, run.summary.count)
            assertSame(own.meanNs, run.summary.meanNs)
            assertSame(own.p50Ns, run.summary.p50Ns)
            assertSame(own.p90Ns, run.summary.p90Ns)
            assertSame(own.p99Ns, run.summary.p99Ns)
            assertSame(own.cv, run.summary.cv)
            assertSame(own.madSpread, run.summary.madSpread)
        }
    }

    func testIntervalsOfTheMeanArePythons() throws {
        let intervals = try corpus().intervals
        XCTAssertGreaterThan(intervals.count, 25)
        for expected in intervals {
            let own = meanInterval(expected.rounds)
            assertSame(own.estimate, expected.estimate)
            assertSame(own.low, expected.low)
            assertSame(own.high, expected.high)
        }
        XCTAssert(intervals.contains { $0.low < $0.estimate && $0.estimate < $0.high })
    }

    func testThrottlingIsPythons() throws {
        let runs = try corpus().runs
        for run in runs {
            let own = throttling(run.rounds)
            assertSame(own.firstNs, run.throttling.firstNs)
            assertSame(own.lastNs, run.throttling.lastNs)
            assertSame(own.afterS, run.throttling.afterS)
        }
        XCTAssert(runs.contains { throttling($0.rounds).afterS != nil })
    }

    func testDriftAndPaceOfTheSentinelArePythons() throws {
        let runs = try corpus().runs
        for run in runs {
            assertSame(drift(run.sentinel), run.drift)
            let pace = sentinelPace(run.sentinel)
            XCTAssertEqual(pace.count, run.pace.count)
            for (own, python) in zip(pace, run.pace) { assertSame(own, python) }
        }
        XCTAssert(runs.contains { drift($0.sentinel) == nil })
    }

    func testDisturbedRoundsArePythons() throws {
        let runs = try corpus().runs
        for run in runs {
            XCTAssertEqual(disturbedRounds(run.rounds, sentinel: run.sentinel), Set(run.disturbed))
        }
        XCTAssert(runs.contains { !disturbedRounds($0.rounds, sentinel: $0.sentinel).isEmpty })
    }

    func testOneSampleHasNoSpread() {
        let one = summarize([5])
        XCTAssertEqual(
            one, Summary(count: 1, meanNs: 5, p50Ns: 5, p90Ns: 5, p99Ns: 5, cv: 0, madSpread: 0))
        XCTAssertNil(drift([]))
        XCTAssertEqual(sentinelPace([]), [])
    }

    /// The control of all of these: another percentile, or another deviation, would be seen.
    func testTheCorpusTellsOtherRulesApart() throws {
        let samples = try corpus().runs.map { run in run.rounds.flatMap(\.samplesNs).sorted() }
        let nearest = samples.map { Double($0[($0.count - 1) / 2]) }
        XCTAssertNotEqual(nearest, samples.map { summarize($0).p50Ns })
        let population = samples.filter { all in
            let (cv, count) = (summarize(all).cv, Double(all.count))
            return count > 1 && abs(cv * ((count - 1) / count).squareRoot() - cv) > 1e-9 * cv
        }
        XCTAssertGreaterThan(population.count, 30)
    }

    /// `numpy.random.default_rng(0)`: `integers(0, 20, 12)`, and of another one `integers(0, 3, 12)`.
    func testDrawsAreNumPys() {
        var random = PCG64.numPySeed0
        let first = (0..<12).map { _ in random.below(20) }
        XCTAssertEqual(first, [17, 12, 10, 5, 6, 0, 1, 0, 3, 16, 12, 18])
        random = .numPySeed0
        let second = (0..<12).map { _ in random.below(3) }
        XCTAssertEqual(second, [2, 1, 1, 0, 0, 0, 0, 0, 0, 2, 1, 2])
    }

    private func assertSame(_ own: Double?, _ python: Double?, line: UInt = #line) {
        guard let own, let python else { return XCTAssertEqual(own, python, line: line) }
        // of equal samples a spread is rounding alone
        XCTAssertEqual(own, python, accuracy: max(1e-9 * abs(python), 1e-13), line: line)
    }
}

/// What tests/clients/statistics_corpus.py wrote: samples, and what Python makes of them.
struct StatisticsCorpus: Decodable {
    let runs: [Run]
    let warmUps: [WarmUp]
    let intervals: [MeanInterval]

    struct Run: Decodable {
        let rounds: [TimedRound]
        let sentinel: [SentinelReading]
        let summary: Summary
        let throttling: Throttling
        let pace: [Double]
        let drift: Double?
        let disturbed: [Int]

        private enum CodingKeys: CodingKey {
            case rounds, sentinel, summary, throttling, pace, drift, disturbed
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            rounds = try fields.decode([Timed].self, forKey: .rounds).map {
                TimedRound(
                    case: "0", launch: 0, round: $0.number ?? 0, startedNs: $0.startedNs,
                    samplesNs: $0.samplesNs)
            }
            sentinel = try fields.decode([Timed].self, forKey: .sentinel).map {
                SentinelReading(startedNs: $0.startedNs, samplesNs: $0.samplesNs)
            }
            summary = try fields.decode(Summary.self, forKey: .summary)
            throttling = try fields.decode(Throttling.self, forKey: .throttling)
            pace = try fields.decode([Double].self, forKey: .pace)
            drift = try fields.decodeIfPresent(Double.self, forKey: .drift)
            disturbed = try fields.decode([Int].self, forKey: .disturbed)
        }
    }

    struct Timed: Decodable {
        let number: Int?
        let startedNs: Int
        let samplesNs: [Int]
    }

    struct Summary: Decodable {
        let count: Int
        let meanNs, p50Ns, p90Ns, p99Ns, cv, madSpread: Double
    }

    struct Throttling: Decodable {
        let firstNs, lastNs: Double
        let afterS: Double?
    }

    struct WarmUp: Decodable {
        let minRuns, minNs, capNs: Int
        let agreement: Double
        let times: [Int]
        let taken: Int
        let capped: Bool
    }

    struct MeanInterval: Decodable {
        let launches: [[[Int]]]
        let estimate, low, high: Double

        var rounds: [TimedRound] {
            launches.enumerated().flatMap { launch, rounds in
                rounds.enumerated().map {
                    TimedRound(
                        case: "0", launch: launch, round: $0, startedNs: $0, samplesNs: $1)
                }
            }
        }
    }
}

func corpus() throws -> StatisticsCorpus {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let corpus = try decoder.decode(
        StatisticsCorpus.self, from: Data(contentsOf: Inputs.corpus("statistics.json")))
    XCTAssertGreaterThanOrEqual(corpus.runs.count, 50)
    XCTAssertGreaterThanOrEqual(corpus.warmUps.count, 60)
    return corpus
}
