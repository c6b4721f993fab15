import XCTest

@testable import MobileViTCore

final class BenchmarkTimingTests: XCTestCase {
    private let ms = 1_000_000

    func testWarmUpTakesAsManyRunsAsPythonsDoesOfTheSameTimes() throws {
        var ends: Set<Bool> = []
        for expected in try corpus().warmUps {
            var rest = expected.times[...]
            let warm = try warmUp(
                minRuns: expected.minRuns, minNs: expected.minNs, capNs: expected.capNs,
                agreement: expected.agreement, run: { try XCTUnwrap(rest.popFirst()) })
            XCTAssertEqual(warm.samplesNs, Array(expected.times.prefix(expected.taken)))
            XCTAssertEqual(warm.capped, expected.capped)
            ends.insert(warm.capped)
        }
        XCTAssertEqual(ends, [true, false])
    }

    func testSteadyTimesNeedOnlyTheMinimum() {
        let warm = warmUp(minRuns: 15, minNs: 0, capNs: ms * 1000, agreement: 0.04) { ms }
        XCTAssertEqual(warm, WarmUp(samplesNs: Array(repeating: ms, count: 15), capped: false))
    }

    func testASingleRunMayMeetTheCap() {
        let warm = warmUp(minRuns: 15, minNs: 0, capNs: ms, agreement: 0.04) { 2 * ms }
        XCTAssertEqual(warm, WarmUp(samplesNs: [2 * ms], capped: true))
    }

    func testARoundLastsForBothMinima() {
        XCTAssertEqual(timedRuns(minRuns: 5, minNs: 0) { 7 }.count, 5)
        XCTAssertEqual(timedRuns(minRuns: 5, minNs: 70) { 7 }.count, 10)
        XCTAssertEqual(timedRuns(minRuns: 5, minNs: 71) { 7 }.count, 11)
    }

    func testWhatARunThrowsEndsTheRound() {
        struct Fault: Error {}
        var runs = 0
        let round = {
            try timedRuns(minRuns: 5, minNs: 0) {
                runs += 1
                if runs == 3 { throw Fault() }
                return 1
            }
        }
        XCTAssertThrowsError(try round()) { XCTAssert($0 is Fault) }
        XCTAssertEqual(runs, 3)
    }

    func testRoundsAreSpreadOverLaunches() {
        let spread = { (rounds: Int, launches: Int) in
            (0..<launches).map { share(of: rounds, over: launches, at: $0) }
        }
        XCTAssertEqual(spread(20, 5), [4, 4, 4, 4, 4])
        XCTAssertEqual(spread(7, 3), [3, 2, 2])
        XCTAssertEqual(spread(2, 2), [1, 1])
    }

    func testSecondsThatNoClockHolds() {
        XCTAssertEqual(nanoseconds(0.25), 250_000_000)
        XCTAssertEqual(nanoseconds(1e300), 9_000_000_000_000_000_000)
        for none in [0, -1e300, .nan, -.infinity] { XCTAssertEqual(nanoseconds(none), 0) }
    }

    func testTheSentinelTakesTheSameOrderOfTimeEachTime() {
        let sentinel = Sentinel()
        let times = (0..<41).map { _ in sentinel.takeNs() }.sorted()
        XCTAssert((200_000...200_000_000).contains(times[20]), "\(times[20])")
        XCTAssertLessThan(times[10], 3 * times[1])
    }

    /// The control: were it not done, or not all of it, this would be 0 or another.
    func testTheSentinelDoesItsWork() {
        let (first, second) = (Sentinel(), Sentinel())
        let before = first.trace
        _ = first.takeNs()
        XCTAssertNotEqual(first.trace, before)
        _ = second.takeNs()
        XCTAssertEqual(first.trace, second.trace)
    }
}
