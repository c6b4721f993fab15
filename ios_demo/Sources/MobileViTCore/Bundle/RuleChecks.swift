// What the rules of a manifest are checked with, in pydantic's words.
extension Decoder {
    func fault(_ reason: String) -> DecodingError { .fault(reason, at: codingPath) }

    /// Text whose bytes are as the pattern says.
    func text(as pattern: String, where isRight: ([Unicode.Scalar]) -> Bool) throws -> String {
        let text = try String(from: self)
        guard isRight(Array(text.unicodeScalars)) else {
            throw fault("String should match pattern '\(pattern)'")
        }
        return text
    }

    /// The digits of an integer of any size; of one that other decoders than the strict one read.
    func integerLiteral() throws -> String {
        try (self as? StrictDecoder)?.whole().value.integerLiteral() ?? "\(Int(from: self))"
    }

    func integer(in range: ClosedRange<Int>) throws -> Int {
        let literal = try integerLiteral()
        let isNegative = literal.utf8.first == UInt8(ascii: "-")
        let value = Int(literal) ?? (isNegative ? .min : .max)
        try check(value, in: range, as: String.init)
        return value
    }

    func number(in range: ClosedRange<Double>) throws -> Double {
        let value = try Double(from: self)
        try check(value, in: range) { $0.rounded() == $0 ? "\(Int($0))" : "\($0)" }
        return value
    }

    func items<Item: Decodable>(_ count: Int) throws -> [Item] {
        var container = try unkeyedContainer()
        if let found = container.count, found > count {
            throw fault(
                "Tuple should have at most \(count) items after validation, not \(found)")
        }
        return try (0..<count).map { _ in try container.decode(Item.self) }
    }

    private func check<Value: Comparable>(
        _ value: Value, in range: ClosedRange<Value>, as text: (Value) -> String
    ) throws {
        if value < range.lowerBound {
            throw fault("Input should be greater than or equal to \(text(range.lowerBound))")
        }
        if value > range.upperBound {
            throw fault("Input should be less than or equal to \(text(range.upperBound))")
        }
    }
}

extension KeyedDecodingContainer {
    /// Nil where there is no such field; where there is, `null` is no value of it.
    func decodeIfThere<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        contains(key) ? try decode(type, forKey: key) : nil
    }
}
