import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

/// The limits; what else is JSON and what is none is in the corpus of manifests.
final class JSONParserTests: XCTestCase {
    private func parse(_ text: String) throws -> JSON { try parseJSON(Data(text.utf8)) }

    private func refusal(_ text: String) -> String? {
        do {
            _ = try parse(text)
        } catch let error as DecodingError {
            return error.fault
        } catch {
            XCTFail("\(error)")
        }
        return nil
    }

    func testOfANameThatStandsTwiceTheLastCountsAndTheFirstIsKept() throws {
        let object = try Located(parse(#"{"a": 1, "b": 2, "a": 3}"#)).object()
        XCTAssertEqual(object["a"], .number("3"))
        XCTAssertEqual(object.members.map(\.name), ["a", "b", "a"])
        XCTAssertEqual(object.members.map(\.value), [.number("1"), .number("2"), .number("3")])
    }

    func testANumberIsAsItIsWritten() throws {
        for literal in ["-0", "12", "1E+5", "0.10", "1e400", "NaN", "-Infinity"] {
            XCTAssertEqual(try parse(literal), .number(literal))
        }
        XCTAssertEqual(try Located(parse("1e400")).anyNumber(), .infinity)
        for literal in ["1.0", "1e5", "NaN", "-Infinity"] {
            XCTAssertThrowsError(try Located(parse(literal)).integerLiteral())
        }
    }

    func test200LevelsAreReadAndOneMoreIsRefused() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: "[", count: levels) + "1" + String(repeating: "]", count: levels)
        }
        XCTAssertNoThrow(try parse(nested(200)))
        XCTAssertEqual(refusal(nested(201))?.contains("recursion limit"), true)
        let open = String(repeating: "[", count: 1_000_000)
        XCTAssertEqual(refusal(open)?.contains("recursion limit"), true)
    }

    func testEscapesMakeTheCharactersTheyStandFor() throws {
        XCTAssertEqual(
            try parse(#""\u0041\"\\\/\b\f\n\r\t\ud83d\ude00\uD7FF\uE000é""#),
            .string("A\"\\/\u{8}\u{c}\n\r\t😀\u{d7ff}\u{e000}é"))
        for lone in [#""\ud83d""#, #""\ude00""#, #""\ud83d\ud83d""#, #""\ud83dx""#] {
            XCTAssertNotNil(refusal(lone))
        }
        // never more of it than there is
        XCTAssertNotNil(refusal(#""\ud8"#))
        XCTAssertNotNil(refusal(#""\ud83d\"#))
        XCTAssertNotNil(refusal(#""\u"#))
    }

    func testBytesThatAreNoUTF8AreRefusedWhereverTheyAre() {
        let bad: [[UInt8]] = [
            [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82],
        ]
        for bytes in bad {
            XCTAssertThrowsError(try parseJSON(Data([0x22] + bytes + [0x22])))
            XCTAssertThrowsError(try parseJSON(Data(bytes)))
        }
        // U+FFFD itself is no repair
        XCTAssertEqual(try parse("\"\u{fffd}\""), .string("\u{fffd}"))
    }

    func testWhatIsWrongIsToldWithItsPlace() {
        XCTAssertEqual(refusal("[1,\n  x]"), "Invalid JSON: expected value at line 2 column 3")
        XCTAssertEqual(refusal("{} {}"), "Invalid JSON: trailing characters at line 1 column 4")
        XCTAssertEqual(refusal(""), "Invalid JSON: EOF while parsing a value at line 1 column 1")
    }

    /// A document that begins anywhere in a buffer.
    func testASliceIsReadAsTheWholeIs() throws {
        let data = Data(#"xx{"a":[1,2]}yy"#.utf8)
        XCTAssertEqual(try parseJSON(data[2..<(data.count - 2)]), try parse(#"{"a":[1,2]}"#))
    }

    /// No input crashes it: bytes that change at random, and what is left of it.
    func testDamagedTextIsReadOrRefused() throws {
        let text = Array(
            #"{"a":[1,-2.5e+3,"\u00e9\ud83d\ude00é",true,null,{}],"b":{"c":NaN}}"#.utf8)
        var random = SeededGenerator(seed: 7)
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = text
            for _ in 0...random.next() % 3 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(
                    truncatingIfNeeded: random.next())
            }
            if random.next() % 4 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
            do {
                _ = try parseJSON(Data(bytes))
            } catch is DecodingError {
                refused += 1
            }
        }
        XCTAssertGreaterThan(refused, 5_000)
    }
}
