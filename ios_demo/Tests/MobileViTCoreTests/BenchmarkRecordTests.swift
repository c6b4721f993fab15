import Foundation
import XCTest

@testable import MobileViTCore

final class BenchmarkRecordTests: XCTestCase {
    private let state = DeviceState(
        loadAverage: [0.5, 1, 2], governors: ["schedutil"], frequenciesHz: [1_800_000_000],
        temperaturesC: ["cpu 0": 41.5], thermalStatus: "nominal", batteryPercent: 80,
        power: .mains)

    private var all: [Record] {
        [
            .started(
                .init(
                    run: "0123456789ab",
                    device: DeviceDescription(
                        model: "iPhone17,3", chip: "A18", machine: "arm64", cores: 6,
                        memoryBytes: 8 << 30, system: "iOS 18.2 (22C55)", runner: "demo 1.0"))),
            .state(.init(atNs: 1, state: state)),
            .opened(
                .init(
                    case: "0", launch: 0, runtimeVersion: "iOS 18.2", delegate: "Core ML, all",
                    loadNs: 5, firstRunNs: 6)),
            .warmedUp(.init(case: "0", launch: 0, samplesNs: [7, 8], capped: false)),
            .round(TimedRound(case: "0", launch: 0, round: 0, startedNs: 9, samplesNs: [1, 2])),
            .sentinel(SentinelReading(startedNs: 10, samplesNs: [3])),
            .closed(.init(case: "0", launch: 0, peakMemoryBytes: nil, memoryRiseBytes: nil)),
            .refused(.init(case: "1", reason: "it \"fell\" over")),
            .ended,
        ]
    }

    func testWhatIsWrittenIsRead() throws {
        for record in all {
            let line = try encodeLine(record)
            XCTAssertFalse(line.contains("\n"))
            XCTAssertEqual(try decodeStrictly(Record.self, from: Data(line.utf8)), record)
        }
    }

    func testLinesAreThoseOfTheSchema() throws {
        let lines = try all.map(encodeLine)
        XCTAssertEqual(
            lines[4],
            #"{"record":"round","case":"0","launch":0,"round":0,"started_ns":9,"#
                + #""samples_ns":[1,2]}"#)
        XCTAssertEqual(
            lines[6],
            #"{"record":"closed","case":"0","launch":0,"peak_memory_bytes":null,"#
                + #""memory_rise_bytes":null}"#)
        XCTAssertEqual(lines[8], #"{"record":"ended"}"#)
    }

    func testWhatIsNoRecordIsRefused() {
        for line in [
            "{}", "[]", #"{"record":"other"}"#, #"{"record":"ended","more":1}"#,
            #"{"record":"round","case":"0"}"#,
        ] {
            XCTAssertThrowsError(try decodeStrictly(Record.self, from: Data(line.utf8)), line)
        }
    }

    func testModelsOfApple() {
        XCTAssertEqual(appleChip(ofModel: "iPhone17,3"), "A18")
        XCTAssertEqual(appleChip(ofModel: "iPhone13,2"), "A14 Bionic")
        XCTAssertNil(appleChip(ofModel: "iPhone99,1"))
        XCTAssertNil(appleChip(ofModel: "Mac14,2"))
        let version = OperatingSystemVersion(majorVersion: 18, minorVersion: 2, patchVersion: 0)
        XCTAssertEqual(
            appleSystem(ofModel: "iPhone17,3", version: version, build: "22C55"),
            "iOS 18.2 (22C55)")
        let patched = OperatingSystemVersion(majorVersion: 15, minorVersion: 1, patchVersion: 1)
        XCTAssertEqual(
            appleSystem(ofModel: "Mac14,2", version: patched, build: nil), "macOS 15.1.1")
        XCTAssertEqual(
            appleSystem(ofModel: "iPad14,1", version: version, build: nil), "iPadOS 18.2")
    }
}
