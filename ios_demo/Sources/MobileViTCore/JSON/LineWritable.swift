/// What is written as a JSON value as it is: the types that have no fields, and arrays of them.
protocol LineWritable {
    func json(_ path: [any CodingKey]) throws -> JSON
}

extension Bool: LineWritable {
    func json(_ path: [any CodingKey]) -> JSON { .bool(self) }
}

extension String: LineWritable {
    func json(_ path: [any CodingKey]) -> JSON { .string(self) }
}

extension Int: LineWritable {}
extension Int8: LineWritable {}
extension Int16: LineWritable {}
extension Int32: LineWritable {}
extension Int64: LineWritable {}
extension UInt: LineWritable {}
extension UInt8: LineWritable {}
extension UInt16: LineWritable {}
extension UInt32: LineWritable {}
extension UInt64: LineWritable {}

extension LineWritable where Self: BinaryInteger {
    func json(_ path: [any CodingKey]) -> JSON { .number(description) }
}

extension Double: LineWritable {}
extension Float: LineWritable {}

extension LineWritable where Self: BinaryFloatingPoint & LosslessStringConvertible & Encodable {
    /// The fewest digits that are read as this number again.
    func json(_ path: [any CodingKey]) throws -> JSON {
        guard isFinite else {
            let context = EncodingError.Context(
                codingPath: path, debugDescription: "JSON has no \(self)")
            throw EncodingError.invalidValue(self, context)
        }
        return .number(description)
    }
}

extension Array: LineWritable where Element: LineWritable {
    func json(_ path: [any CodingKey]) throws -> JSON { .array(try map { try $0.json(path) }) }
}

/// Values by name, in an order that is the same each time.
protocol NamedValues {
    var byName: [(name: String, value: any Encodable)] { get }
}

extension Dictionary: NamedValues where Key == String, Value: Encodable {
    var byName: [(name: String, value: any Encodable)] {
        sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
