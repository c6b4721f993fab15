// What stands in a manifest under a rule, as mobilevit/bundle.py has the rules. Each is decoded in the
// place of its value, so that an error names the way to it.

/// 64 hexadecimal digits, small.
struct Sha256Text: Decodable {
    let value: String

    init(from decoder: any Decoder) throws {
        value = try decoder.text(as: "^[0-9a-f]{64}$") { text in
            text.count == 64 && text.allSatisfy { ("0"..."9") ~= $0 || ("a"..."f") ~= $0 }
        }
    }
}

/// Visible characters of ASCII.
struct TensorName: Decodable {
    let value: String

    init(from decoder: any Decoder) throws {
        value = try decoder.text(as: "^[!-~]{1,200}$") { text in
            (1...200) ~= text.count && text.allSatisfy { ("!"..."~") ~= $0 }
        }
    }
}

/// With forward slashes; no part begins with a dot.
struct BundlePath: Decodable {
    let value: String

    init(from decoder: any Decoder) throws {
        value = try String(from: decoder)
        guard value.unicodeScalars.count <= Self.longest, Self.isInside(value) else {
            let start = value.prefix(scalars: Self.longest)
            throw decoder.fault("`\(start)` is not a path inside the bundle")
        }
    }

    private static let longest = 200  // code points

    private static func isInside(_ path: String) -> Bool {
        path.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
            guard let first = $0.first, first != "." else { return false }
            return $0.allSatisfy(isAllowed)
        }
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "A"..."Z", "a"..."z", "0"..."9", "_", ".", "+", "-": true
        default: false
        }
    }
}

/// An integer of any size.
struct AnyInteger: Decodable {
    /// Nil where an `Int` is too small for it.
    let value: Int?

    init(from decoder: any Decoder) throws {
        value = Int(try decoder.integerLiteral())
    }
}

/// An integer of any size, not negative.
struct Amount: Decodable {
    init(from decoder: any Decoder) throws {
        if isNegative(try decoder.integerLiteral()) {
            throw decoder.fault("Input should be greater than or equal to 0")
        }
    }
}

/// An integer of any size from 1, as it is written.
struct Positive: Decodable {
    let literal: String

    init(from decoder: any Decoder) throws {
        literal = try decoder.integerLiteral()
        if isNegative(literal) || Int(literal) == 0 {
            throw decoder.fault("Input should be greater than 0")
        }
    }
}

struct SchemaVersion: Decodable {
    static let read = 1

    init(from decoder: any Decoder) throws {
        if Int(try decoder.integerLiteral()) != Self.read {
            throw decoder.fault("Input should be \(Self.read)")
        }
    }
}

/// What every client has a type for: 32 bits.
struct LabelCount: Decodable {
    let value: Int

    init(from decoder: any Decoder) throws {
        _ = try Positive(from: decoder)
        value = try decoder.integer(in: 1...Int(Int32.max))
    }
}

/// Bytes: the integers that a double holds.
struct ByteCount: Decodable {
    let value: Int

    init(from decoder: any Decoder) throws {
        value = try decoder.integer(in: 0...(1 << 53 - 1))
    }
}

/// Of an image, pixels.
struct ImageSide: Decodable {
    let value: Int

    init(from decoder: any Decoder) throws {
        value = try decoder.integer(in: 32...4096)
    }
}

/// -1 where it is dynamic.
struct TensorSide: Decodable {
    let value: Int

    init(from decoder: any Decoder) throws {
        value = try decoder.integer(in: -1...Int(Int32.max))
    }
}

/// Of 1.
struct Share: Decodable {
    let value: Double

    init(from decoder: any Decoder) throws {
        value = try decoder.number(in: 0...1)
    }
}

struct CropFraction: Decodable {
    let value: Double

    init(from decoder: any Decoder) throws {
        value = try decoder.number(in: 0.01...1)
    }
}

struct Scale: Decodable {
    init(from decoder: any Decoder) throws {
        if try Double(from: decoder) <= 0 { throw decoder.fault("Input should be greater than 0") }
    }
}

struct Difference: Decodable {
    let value: Double

    init(from decoder: any Decoder) throws {
        value = try decoder.number(in: 0...Double.greatestFiniteMagnitude)
    }
}

/// A number that was measured: it may be NaN or infinite.
struct Measured: Decodable {
    let value: Double

    init(from decoder: any Decoder) throws {
        value = try (decoder as? StrictDecoder)?.whole().value.anyNumber() ?? Double(from: decoder)
    }
}

/// An array of this many items.
struct Pair<Item: Decodable>: Decodable {
    let items: [Item]

    init(from decoder: any Decoder) throws { items = try decoder.items(2) }
}

struct Triple<Item: Decodable>: Decodable {
    let items: [Item]

    init(from decoder: any Decoder) throws { items = try decoder.items(3) }
}

struct OneOrMore<Item: Decodable>: Decodable {
    let items: [Item]

    init(from decoder: any Decoder) throws {
        items = try [Item](from: decoder)
        if items.isEmpty {
            throw decoder.fault("Tuple should have at least 1 item after validation, not 0")
        }
    }
}

/// JSON of any kind.
struct Anything: Decodable {
    init(from decoder: any Decoder) throws {
        _ = try decoder.singleValueContainer()
    }
}

private func isNegative(_ literal: String) -> Bool {
    literal.utf8.first == UInt8(ascii: "-") && Int(literal) != 0
}
