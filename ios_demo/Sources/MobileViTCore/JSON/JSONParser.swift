import Foundation

/// Reads UTF-8. Accepts what jiter does, the parser of the Python reader: RFC 8259 and the words
/// `NaN`, `Infinity` and `-Infinity`; no byte order mark, no lone surrogates.
///
/// - Throws: `DecodingError.dataCorrupted`: not JSON, nested too deeply, or a number of thousands of
///   digits.
func parseJSON(_ utf8: Data) throws -> JSON {
    try utf8.withUnsafeBytes { bytes in
        var parser = JSONParser(bytes.bindMemory(to: UInt8.self))
        return try parser.document()
    }
}

private let maxDepth = 200  // containers in containers; an empty one does not count
private let maxDigits = 4300  // of an integer or what stands before the point, with its sign

private struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var at = 0
    private var depth = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    mutating func document() throws -> JSON {
        let value = try value()
        skipSpace()
        if at < bytes.count { throw fault("trailing characters") }
        return value
    }

    private mutating func value() throws -> JSON {
        skipSpace()
        switch peek() {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case let byte? where byte == UInt8(ascii: "-") || isDigit(byte): return try number()
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "N"): return try word("NaN", .number("NaN"))
        case UInt8(ascii: "I"): return try word("Infinity", .number("Infinity"))
        case nil: throw fault("EOF while parsing a value")
        default: throw fault("expected value")
        }
    }

    // MARK: Containers

    private mutating func object() throws -> JSON {
        at += 1
        skipSpace()
        if take("}") { return .object(JSONObject([])) }
        try enter()
        var members: [JSONObject.Member] = []
        repeat {
            skipSpace()
            if peek() == UInt8(ascii: "}") { throw fault("trailing comma") }
            if peek() != UInt8(ascii: "\"") { throw fault("key must be a string") }
            let name = try string()
            skipSpace()
            if !take(":") { throw fault("expected `:`") }
            members.append(.init(name: name, value: try value()))
            skipSpace()
        } while take(",")
        if !take("}") { throw fault("expected `,` or `}`") }
        depth -= 1
        return .object(JSONObject(members))
    }

    private mutating func array() throws -> JSON {
        at += 1
        skipSpace()
        if take("]") { return .array([]) }
        try enter()
        var items: [JSON] = []
        repeat {
            skipSpace()
            if !items.isEmpty, peek() == UInt8(ascii: "]") { throw fault("trailing comma") }
            items.append(try value())
            skipSpace()
        } while take(",")
        if !take("]") { throw fault("expected `,` or `]`") }
        depth -= 1
        return .array(items)
    }

    private mutating func enter() throws {
        depth += 1
        if depth > maxDepth { throw fault("recursion limit exceeded") }
    }

    // MARK: Strings

    private mutating func string() throws -> String {
        at += 1
        var text = ""
        var start = at
        var isASCII = true
        while true {
            switch peek() {
            case UInt8(ascii: "\""):
                let end = try decode(start, isASCII)
                at += 1
                return text.isEmpty ? end : text + end
            case UInt8(ascii: "\\"):
                text += try decode(start, isASCII)
                at += 1
                text.unicodeScalars.append(try escape())
                (start, isASCII) = (at, true)
            case nil:
                throw fault("EOF while parsing a string")
            case let byte? where byte < 0x20:
                throw fault("control character found while parsing a string")
            case let byte?:
                isASCII = isASCII && byte < 0x80
                at += 1
            }
        }
    }

    /// The bytes from `start` to here.
    private func decode(_ start: Int, _ isASCII: Bool) throws -> String {
        let piece = UnsafeBufferPointer(rebasing: bytes[start..<at])
        let text = String(decoding: piece, as: UTF8.self)
        // what is not UTF-8 was repaired, and is no longer what it was
        if !isASCII, !text.utf8.elementsEqual(piece) { throw fault("invalid unicode code point") }
        return text
    }

    private mutating func escape() throws -> Unicode.Scalar {
        switch next() {
        case UInt8(ascii: "\""): "\""
        case UInt8(ascii: "\\"): "\\"
        case UInt8(ascii: "/"): "/"
        case UInt8(ascii: "b"): "\u{8}"
        case UInt8(ascii: "f"): "\u{c}"
        case UInt8(ascii: "n"): "\n"
        case UInt8(ascii: "r"): "\r"
        case UInt8(ascii: "t"): "\t"
        case UInt8(ascii: "u"): try escapedScalar()
        default: throw fault("invalid escape")
        }
    }

    private mutating func escapedScalar() throws -> Unicode.Scalar {
        let unit = try hexUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard UTF16.isLeadSurrogate(unit) else {
            throw fault("lone leading surrogate in hex escape")
        }
        guard next() == UInt8(ascii: "\\"), next() == UInt8(ascii: "u") else {
            throw fault("unexpected end of hex escape")
        }
        let low = try hexUnit()
        guard UTF16.isTrailSurrogate(low),
            case let pair = (UInt32(unit) - 0xd800) << 10 + (UInt32(low) - 0xdc00),
            let scalar = Unicode.Scalar(0x10000 + pair)
        else { throw fault("lone leading surrogate in hex escape") }
        return scalar
    }

    private mutating func hexUnit() throws -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = next(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue
            else {
                throw fault("invalid escape")
            }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    // MARK: Numbers and words

    private mutating func number() throws -> JSON {
        let start = at
        if take("-"), peek() == UInt8(ascii: "I") {
            return try word("Infinity", .number("-Infinity"))
        }
        if take("0") {
            if isDigit(peek()) { throw fault("invalid number") }
        } else {
            try digits()
        }
        if at - start > maxDigits { throw fault("number out of range") }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
        let literal = UnsafeBufferPointer(rebasing: bytes[start..<at])
        return .number(String(decoding: literal, as: UTF8.self))
    }

    private mutating func digits() throws {
        guard isDigit(peek()) else { throw fault("invalid number") }
        while isDigit(peek()) { at += 1 }
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws -> JSON {
        for i in 0..<word.utf8CodeUnitCount where next() != word.utf8Start[i] {
            throw fault("expected ident")
        }
        return value
    }

    // MARK: Bytes

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
            at += 1
        }
    }

    private func isDigit(_ byte: UInt8?) -> Bool {
        guard let byte else { return false }
        return byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private func peek() -> UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func next() -> UInt8? {
        defer { at += 1 }
        return peek()
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    private func fault(_ reason: String) -> DecodingError {
        let before = bytes[..<min(at, bytes.count)]
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let place = "at line \(line) column \(at - start + 1)"
        return .fault("Invalid JSON: \(reason) \(place)", at: [])
    }
}
