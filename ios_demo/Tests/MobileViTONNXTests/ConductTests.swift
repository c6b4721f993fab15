import Foundation
import MobileViTFixtures
import MobileViTONNX
import XCTest

@testable import MobileViTCore

/// Plans that the real ONNX Runtime runs.
final class ConductTests: XCTestCase {
    func testRecordsComeInTheOrderOfTheProtocol() async throws {
        let runs = try ConductRuns("order")
        var settings = short
        settings.launches = 1
        let told = try await runs.records(runs.plan([runs.planned()], settings))
        let rounds = Array(repeating: ["round", "sentinel"], count: 3).joined()
        XCTAssertEqual(
            told.map(\.kind),
            ["started", "state", "opened", "warmed_up", "sentinel"] + rounds
                + ["closed", "state", "ended"])
        XCTAssert(told.rounds.allSatisfy { $0.samplesNs.count == 2 })
        let times = told.compactMap { record -> Int? in
            switch record {
            case .state(let state): state.atNs
            case .round(let round): round.startedNs
            case .sentinel(let reading): reading.startedNs
            default: nil
            }
        }
        XCTAssertEqual(times, times.sorted())
    }

    func testRoundsInterleaveTheCasesInAnOrderThatIsDrawn() async throws {
        let runs = try ConductRuns("interleaved")
        var settings = short
        settings.rounds = 12
        let told = try await runs.records(
            runs.plan(["0", "1", "2"].map { runs.planned($0) }, settings))
        let rounds = told.rounds
        XCTAssertEqual(rounds.map(\.round), (0..<12).flatMap { [$0, $0, $0] })
        let orders = (0..<12).map { number in
            rounds.filter { $0.round == number }.map(\.case)
        }
        XCTAssert(orders.allSatisfy { Set($0) == ["0", "1", "2"] })
        XCTAssertGreaterThan(Set(orders).count, 2)
        XCTAssertEqual(rounds.map(\.launch), (0..<36).map { $0 / 18 })
        XCTAssertEqual(told.opened.map(\.launch), [0, 0, 0, 1, 1, 1])
        // one before the first round of a launch, and one after each
        XCTAssertEqual(told.filter { $0.kind == "sentinel" }.count, 36 + 2)
        // the same seed, the same orders
        let again = try await runs.records(
            runs.plan(["0", "1", "2"].map { runs.planned($0) }, settings))
        XCTAssertEqual(again.rounds.map(\.case), rounds.map(\.case))
    }

    func testWhatIsRefusedDoesNotStopTheOthers() async throws {
        let runs = try ConductRuns("refused")
        let whole = try Data(contentsOf: runs.folder.appendingPathComponent("artifact.onnx"))
        let torn = whole.dropLast(100)
        try torn.write(to: runs.folder.appendingPathComponent("torn.onnx"))
        let told = try await runs.records(
            runs.plan([
                runs.planned("0", artifact: "torn.onnx", sha256: try sha256(torn)),
                runs.planned("1", sha256: String(repeating: "0", count: 64)),
                runs.planned("2", runtime: "coreml"),
                runs.planned("3", delegate: "gpu"),
                runs.planned("4", batch: 2),
                runs.planned("5", artifact: "missing.onnx"),
                runs.planned("6"),
            ]))
        let reasons = told.refused.map(\.reason)
        XCTAssertEqual(told.refused.map(\.case), ["0", "1", "2", "3", "4", "5"])
        XCTAssert(reasons.allSatisfy { !$0.contains("\n") && !$0.isEmpty })
        XCTAssertEqual(
            reasons[1],
            "`artifact.onnx` is not the file that was planned: its SHA-256 is another "
                + "(send the plan again)")
        XCTAssertEqual(reasons[2], "this device has no runtime `coreml`")
        XCTAssert(reasons[3].contains("gpu"), reasons[3])
        XCTAssert(reasons[4].hasPrefix("the batch of input `"), reasons[4])
        XCTAssert(reasons[4].hasSuffix("is fixed, and not 2"), reasons[4])
        XCTAssert(reasons[5].contains("missing.onnx"), reasons[5])
        XCTAssertEqual(Set(told.rounds.map(\.case)), ["6"])
        XCTAssertEqual(told.last, .ended)
    }

    func testARuntimeThatFailsInARoundLosesItsCaseAndNothingElse() async throws {
        let runs = try ConductRuns("failing")
        let open = Count()
        let failing = try WrappedRuntime { FailingPredictor($0, runs: 8, open: open) }
        var settings = short
        (settings.rounds, settings.launches) = (100, 1)
        let told = try await runs.records(runs.plan([runs.planned()], settings), runtime: failing)
        XCTAssertEqual(told.refused.map(\.reason), ["it fell over (pick it up)"])
        XCTAssertFalse(told.rounds.isEmpty)
        XCTAssertEqual(told.closed, [])
        XCTAssertEqual(told.last, .ended)
        XCTAssertEqual(open.value, 0)
    }

    /// Of numbers that no run comes to the end of.
    func testWhereAllIsRefusedThereIsNothingToWaitFor() async throws {
        let runs = try ConductRuns("nothing")
        var settings = short
        (settings.launches, settings.rounds) = (.max, .max)
        let told = try await runs.records(
            runs.plan([runs.planned(runtime: "coreml")], settings))
        XCTAssertEqual(
            told.map(\.kind), ["started", "state", "refused", "sentinel", "state", "ended"])
    }

    func testARunThatIsCancelledKeepsWhatItTold() async throws {
        let runs = try ConductRuns("cancelled")
        let open = Count()
        let runtime = try WrappedRuntime { FailingPredictor($0, runs: .max, open: open) }
        var settings = short
        settings.rounds = 10_000
        let plan = runs.plan([runs.planned()], settings)
        let (folder, machine) = (runs.folder, runs.machine)
        let run = Task {
            let told = Told()
            do {
                try await conduct(plan, folder: folder, runtimes: [runtime], machine: machine) {
                    told.add($0)
                    if told.records.rounds.count == 2 { withUnsafeCurrentTask { $0?.cancel() } }
                }
                XCTFail("it went on")
            } catch is CancellationError {}
            return told.records
        }
        let told = try await run.value
        XCTAssertEqual(told.rounds.count, 2)
        XCTAssertFalse(told.contains(.ended))
        XCTAssertEqual(open.value, 0)
    }

    func testRecordsComeLiveUntilNobodyAwaitsThem() async throws {
        let runs = try ConductRuns("live")
        let open = Count()
        let runtime = try WrappedRuntime { FailingPredictor($0, runs: .max, open: open) }
        var settings = short
        settings.rounds = 100_000
        let (plan, machine) = (runs.plan([runs.planned()], settings), runs.machine)
        let folder = runs.folder
        // a stream that is let go
        var rounds = 0
        for try await record in records(
            of: plan, folder: folder, runtimes: [runtime], machine: machine)
        {
            if case .round = record { rounds += 1 }
            if rounds == 3 { break }
        }
        try await waitUntilClosed(open)
        // and one whose reader is cancelled
        let reader = Task {
            let live = records(of: plan, folder: folder, runtimes: [runtime], machine: machine)
            var count = 0
            for try await record in live {
                if case .round = record { count += 1 }
                if count == 3 { withUnsafeCurrentTask { $0?.cancel() } }
            }
            return count
        }
        let read = try await reader.value
        XCTAssertGreaterThanOrEqual(read, 3)
        XCTAssertLessThan(read, settings.rounds)
        try await waitUntilClosed(open)
        var last: Record?
        let whole = records(
            of: runs.plan([runs.planned()]), folder: runs.folder, runtimes: [runtime],
            machine: runs.machine)
        for try await record in whole { last = record }
        XCTAssertEqual(last, .ended)
    }

    private func waitUntilClosed(_ open: Count) async throws {
        for _ in 0..<500 where open.value > 0 {
            try await Task.sleep(nanoseconds: 10_000_000)
        }
        XCTAssertEqual(open.value, 0)
    }

    func testSustainedModeReadsTheStateAfterEveryWindow() async throws {
        let runs = try ConductRuns("sustained")
        var settings = short
        (settings.sustainedS, settings.sustainedWindowS) = (1, 0.02)
        let told = try await runs.records(
            runs.plan([runs.planned("0"), runs.planned("1")], settings))
        for id in ["0", "1"] {
            let windows = told.rounds.filter { $0.case == id }
            XCTAssert((2...50).contains(windows.count), "\(windows.count)")
            XCTAssertEqual(windows.map(\.round), Array(windows.indices))
            XCTAssert(windows.allSatisfy { $0.samplesNs.reduce(0, +) >= 20_000_000 })
        }
        for (record, next) in zip(told, told.dropFirst()) where record.kind == "round" {
            XCTAssertEqual(next.kind, "state")
        }
        XCTAssertEqual(told.filter { $0.kind == "sentinel" }.count, 4)
        XCTAssertEqual(told.last, .ended)
    }

    func testMemoryIsToldWhereItIsOfOneCase() async throws {
        // on machines of its own: the peak of this test's process may be another test's
        let runs = try ConductRuns("memory")
        let one = try await runs.records(runs.plan([runs.planned()]), machine: Growing()).closed
        XCTAssertEqual(one.count, 2)
        XCTAssertGreaterThan(one[0].memoryRiseBytes ?? 0, 0)
        XCTAssertNil(one[1].peakMemoryBytes)
        let two = try await runs.records(
            runs.plan([runs.planned("0"), runs.planned("1")]), machine: Growing()
        ).closed
        XCTAssertEqual(two.map(\.peakMemoryBytes), [nil, nil, nil, nil])
        let untold = try await runs.records(runs.plan([runs.planned()]), machine: Untold()).closed
        XCTAssertEqual(untold.map(\.peakMemoryBytes), [nil, nil])
    }
}

/// Its peak is higher each time that it is asked.
private struct Growing: Machine {
    private let asked = Count()

    func describe() -> DeviceDescription { Untold().describe() }
    func state() -> DeviceState { DeviceState() }
    func residentMemory() -> Int? { 1 << 29 }

    func peakMemory() -> Int? {
        asked.add(1)
        return 1 << 30 + asked.value << 20
    }
}

private struct Untold: Machine {
    func describe() -> DeviceDescription {
        DeviceDescription(
            model: nil, chip: nil, machine: "none", cores: 1, memoryBytes: nil, system: "none",
            runner: "tests")
    }

    func state() -> DeviceState { DeviceState() }
    func peakMemory() -> Int? { nil }
    func residentMemory() -> Int? { nil }
}
