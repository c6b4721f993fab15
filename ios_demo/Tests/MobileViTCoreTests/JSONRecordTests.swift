import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

/// Records as they are decoded and encoded.
final class JSONRecordTests: XCTestCase {
    private enum Mode: String, Codable, CaseIterable { case slow, fast, other }

    private struct Inner: Codable, Equatable {
        let x: Int
    }

    private struct Full: Codable, Equatable {
        let name: String
        let count: Int
        let share: Double
        let isOn: Bool
        let mode: Mode
        let samples: [Int]
        let values: [Double]
        let inner: Inner
        let more: [Inner]
        let counts: [String: Int]
        let maybe: Int?

        enum CodingKeys: String, CodingKey {
            case name, count, share
            case isOn = "is_on"
            case mode, samples, values, inner, more, counts, maybe
        }
    }

    private let full = Full(
        name: "é\"\\\n😀", count: -3, share: 0.1, isOn: true, mode: .fast, samples: [1, 2],
        values: [1, .leastNonzeroMagnitude, 1.7976931348623157e308], inner: Inner(x: 1),
        more: [Inner(x: 2), Inner(x: 3)], counts: ["a": 1], maybe: nil)

    private let line =
        #"{"name":"\u00e9\"\\\u000a\ud83d\ude00","count":-3,"share":0.1,"is_on":true,"#
        + #""mode":"fast","samples":[1,2],"values":[1.0,5e-324,1.7976931348623157e+308],"#
        + #""inner":{"x":1},"more":[{"x":2},{"x":3}],"counts":{"a":1}}"#

    func testARecordIsALineInTheOrderOfItsFields() throws {
        XCTAssertEqual(try encodeLine(full), line)
        XCTAssertEqual(try decodeStrictly(Full.self, from: Data(line.utf8)), full)
    }

    private func refusal<Record: Decodable>(_ type: Record.Type, _ json: String) -> String {
        do {
            _ = try decodeStrictly(type, from: Data(json.utf8))
        } catch let error as DecodingError {
            return error.fault
        } catch {
            XCTFail("\(error)")
        }
        return "accepted"
    }

    private func refusal(_ from: String, _ to: String) -> String {
        XCTAssert(line.contains(from), from)
        return refusal(Full.self, line.replacingOccurrences(of: from, with: to))
    }

    func testNamesThatAreDataAreSorted() throws {
        let counts = Dictionary(uniqueKeysWithValues: (0..<50).map { ("k\($0)", $0) })
        let names = counts.keys.sorted().map { "\"\($0)\":\(counts[$0] ?? 0)" }
        XCTAssertEqual(try encodeLine(counts), "{\(names.joined(separator: ","))}")
        XCTAssertEqual(try encodeLine(["a": [String: Int]()]), #"{"a":{}}"#)
    }

    func testTypesAreStrict() {
        for integer in ["1.0", "1e0", #""1""#, "true", "null", "NaN"] {
            XCTAssertEqual(
                refusal(":-3,", ":\(integer),"), "count: Input should be a valid integer", integer)
        }
        for (number, text) in [
            ("NaN", "finite"), ("1e400", "finite"), ("-Infinity", "finite"), (#""1""#, "valid"),
            ("true", "valid"), ("1234567890123456789", "valid"),
        ] {
            XCTAssertEqual(
                refusal("0.1", number), "share: Input should be a \(text) number", number)
        }
        XCTAssertEqual(refusal(":0.1", ":1"), "accepted")
        XCTAssertEqual(refusal("true", "1"), "is_on: Input should be a valid boolean")
        XCTAssertEqual(refusal("[1,2]", "[1,2.0]"), "samples.1: Input should be a valid integer")
        XCTAssertEqual(refusal("[1,2]", "{}"), "samples: Input should be a valid array")
        XCTAssertEqual(refusal(#"{"x":1}"#, "[]"), "inner: Input should be an object")
        XCTAssertEqual(refusal(#"{"x":3}"#, "{}"), "more.1.x: Field required")
        XCTAssertEqual(
            refusal(#"{"a":1}"#, #"{"a":1,"b":"1"}"#),
            "counts.b: Input should be a valid integer")
        XCTAssertEqual(
            refusal(":-3,", ":9223372036854775808,"),
            "count: Input should be less than or equal to 9223372036854775807")
        XCTAssertEqual(
            refusal(":-3,", ":-9223372036854775809,"),
            "count: Input should be greater than or equal to -9223372036854775808")
        XCTAssertEqual(
            refusal(#""fast""#, #""idle""#), "mode: Input should be 'slow', 'fast' or 'other'")
    }

    func testFieldsThatTheRecordDoesNotHaveAreRefused() {
        XCTAssertEqual(
            refusal(#"{"x":3}"#, #"{"x":3,"y":1}"#), "more.1.y: Extra inputs are not permitted")
        XCTAssertEqual(
            refusal(#""count""#, #""maybe":1,"extra":1,"count""#),
            "extra: Extra inputs are not permitted")
        XCTAssertEqual(refusal(#""count""#, #""maybe":null,"count""#), "accepted")
    }

    func testOfAFieldThatStandsTwiceTheLastCounts() throws {
        XCTAssertEqual(refusal(Inner.self, #"{"x":"","x":1}"#), "accepted")
        XCTAssertEqual(
            refusal(Inner.self, #"{"x":1,"x":""}"#), "x: Input should be a valid integer")
        // of names that are data, all
        XCTAssertEqual(
            refusal([String: Int].self, #"{"x":"","x":1}"#), "x: Input should be a valid integer")
    }

    private struct Empty: Codable, Equatable {}

    /// Told apart by a field, encoded flat: two containers of one coder.
    private enum Kind: Codable, Equatable {
        case inner(Inner)
        case empty

        private enum CodingKeys: CodingKey { case record }

        init(from decoder: any Decoder) throws {
            switch try decoder.container(keyedBy: CodingKeys.self).decode(
                String.self, forKey: .record)
            {
            case "inner": self = .inner(try Inner(from: decoder))
            default: self = .empty
            }
        }

        func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            switch self {
            case .inner(let inner):
                try fields.encode("inner", forKey: .record)
                try inner.encode(to: encoder)
            case .empty:
                try fields.encode("empty", forKey: .record)
            }
        }
    }

    func testRecordsOfAKindAreFlat() throws {
        let json = #"{"record":"inner","x":1}"#
        XCTAssertEqual(try encodeLine(Kind.inner(Inner(x: 1))), json)
        XCTAssertEqual(
            try decodeStrictly(Kind.self, from: Data(json.utf8)), .inner(Inner(x: 1)))
        XCTAssertEqual(
            refusal(Kind.self, #"{"record":"empty","x":1}"#), "x: Extra inputs are not permitted")
    }

    func testARecordWithoutFieldsIsAnEmptyObject() throws {
        XCTAssertEqual(try encodeLine(Empty()), "{}")
        XCTAssertEqual(refusal(Empty.self, "{}"), "accepted")
        XCTAssertEqual(refusal(Empty.self, #"{"a":1}"#), "a: Extra inputs are not permitted")
        XCTAssertEqual(refusal(Empty.self, "[]"), "Input should be an object")
    }

    private struct Nullable: Encodable {
        let value: Int?

        func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encode(value, forKey: .value)
        }

        enum CodingKeys: CodingKey { case value }
    }

    func testNilIsNullWhereItIsEncoded() throws {
        XCTAssertEqual(try encodeLine(Nullable(value: nil)), #"{"value":null}"#)
        XCTAssertEqual(try encodeLine(Nullable(value: 1)), #"{"value":1}"#)
        XCTAssertEqual(try encodeLine([1, nil]), "[1,null]")
    }

    func testANumberThatIsNotFiniteIsNotWritten() {
        for value in [Double.nan, .infinity, -.infinity] {
            XCTAssertThrowsError(try encodeLine([value])) { XCTAssert($0 is EncodingError) }
            XCTAssertThrowsError(try encodeLine(["a": Inner2(x: value)]))
        }
    }

    private struct Inner2: Encodable {
        let x: Double
    }

    func testNumbersAreReadAsTheyWereWritten() throws {
        var random = SeededGenerator(seed: 3)
        var values: [Double] = [0, -0.0, 0.1, 1e-5, 1e16, 123456789, .leastNonzeroMagnitude, .pi]
        while values.count < 20_000 {
            let value = Double(bitPattern: random.next())
            if value.isFinite { values.append(value) }
        }
        let line = try encodeLine(values)
        let read = try decodeStrictly([Double].self, from: Data(line.utf8))
        XCTAssertEqual(read.map(\.bitPattern), values.map(\.bitPattern))
        XCTAssertEqual(try encodeLine([Float(0.1)]), "[0.1]")
        let ends: [Int] = [.min, -1, 0, 1, .max]
        XCTAssertEqual(
            try decodeStrictly([Int].self, from: Data(encodeLine(ends).utf8)), ends)
    }

    func testNamesFromTheFileAreCutAndControlCharactersAreEscaped() {
        XCTAssertEqual(
            refusal(Inner.self, #"{"x":1,"\u001b\n\u2028\u202e\udbff\udfff é":1}"#),
            #"\x1b\n\u2028\u202e\U0010ffff é: Extra inputs are not permitted"#)
        let long = String(repeating: "😀", count: 300)
        XCTAssertEqual(
            refusal(Inner.self, "{\"x\":1,\"\(long)\":1}"),
            String(repeating: "😀", count: 200) + ": Extra inputs are not permitted")
    }

    /// A record of a long run: 100,000 samples. The limits are those of a machine many times slower.
    func testARecordOf100000SamplesIsQuick() throws {
        struct Round: Codable, Equatable {
            let round: Int
            let samplesNs: [Int]
        }
        var random = SeededGenerator(seed: 1)
        let round = Round(
            round: 1, samplesNs: (0..<100_000).map { _ in Int(random.next() % 100_000_000) })
        var line = ""
        let encoding = try ContinuousClock().measure { line = try encodeLine(round) }
        let data = Data(line.utf8)
        var read: Round?
        let decoding = try ContinuousClock().measure {
            read = try decodeStrictly(Round.self, from: data)
        }
        XCTAssertEqual(read, round)
        print(
            "100,000 samples, \(data.count) bytes: encoded in \(encoding), decoded in \(decoding)")
        XCTAssertLessThan(encoding, .seconds(2))
        XCTAssertLessThan(decoding, .seconds(2))
    }
}
