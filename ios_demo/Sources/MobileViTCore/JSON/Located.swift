/// A value in a document, with the way to it, so that what is wrong with it can be said. Types are
/// strict: `1.0` and `"1"` are no integers, and an integer is a number; the words are pydantic's.
struct Located {
    let json: JSON
    let way: Way

    init(_ json: JSON, _ way: Way = .document) {
        self.json = json
        self.way = way
    }

    /// The names and indices that lead to a value.
    indirect enum Way {
        case document
        case step(from: Way, Step)

        var path: [any CodingKey] {
            switch self {
            case .document: []
            case .step(let from, let step): from.path + [step]
            }
        }
    }

    func fault(_ reason: String) -> DecodingError { .fault(reason, at: way.path) }

    var isNull: Bool { json == .null }

    func bool() throws -> Bool {
        guard case .bool(let value) = json else { throw fault("Input should be a valid boolean") }
        return value
    }

    func text() throws -> String {
        guard case .string(let text) = json else { throw fault("Input should be a valid string") }
        return text
    }

    /// - Returns: the digits of an integer of any size.
    func integerLiteral() throws -> String {
        guard case .number(let literal) = json, isInteger(literal) else {
            throw fault("Input should be a valid integer")
        }
        return literal
    }

    func integer<Integer: FixedWidthInteger>() throws -> Integer {
        let literal = try integerLiteral()
        if let value = Integer(literal) { return value }
        throw literal.utf8.first == UInt8(ascii: "-")
            ? fault("Input should be greater than or equal to \(Integer.min)")
            : fault("Input should be less than or equal to \(Integer.max)")
    }

    /// A number that need not be finite. An integer of more digits than jiter reads as a machine's is
    /// refused, as pydantic does.
    func anyNumber() throws -> Double {
        guard case .number(let literal) = json, !isInteger(literal) || digits(literal) <= 18,
            let value = Double(literal)
        else { throw fault("Input should be a valid number") }
        return value
    }

    func number() throws -> Double {
        let value = try anyNumber()
        guard value.isFinite else { throw fault("Input should be a finite number") }
        return value
    }

    func items() throws -> [JSON] {
        guard case .array(let items) = json else { throw fault("Input should be a valid array") }
        return items
    }

    func item(_ index: Int, _ json: JSON) -> Located {
        Located(json, .step(from: way, Step(intValue: index)))
    }

    func object() throws -> JSONObject {
        guard case .object(let object) = json else { throw fault("Input should be an object") }
        return object
    }

    func member(_ name: String, _ json: JSON) -> Located {
        Located(json, .step(from: way, Step(stringValue: name)))
    }

    private func isInteger(_ literal: String) -> Bool {
        literal.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
    }

    private func digits(_ literal: String) -> Int {
        literal.utf8.count - (literal.utf8.first == UInt8(ascii: "-") ? 1 : 0)
    }
}
