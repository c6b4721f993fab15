import Foundation
import XCTest

/// A side of a tensor: of a fixed length, or of any, under a name.
enum Side: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    case fixed(Int)
    case named(String)

    init(integerLiteral value: Int) { self = .fixed(value) }
    init(stringLiteral value: String) { self = .named(value) }
}

/// An ONNX model of one operation from `x` to `y`, written as onnx.proto numbers its fields, in a file
/// of its own.
///
/// - Parameters:
///   - type: of `TensorProto.DataType`.
///   - sides: of `x`.
///   - outputs: sides of `y`, where they are others.
func model(
    of operation: String = "Identity", _ type: Int, _ sides: [Side], outputs: [Side]? = nil,
    for test: XCTestCase
) throws -> URL {
    try modelFile(model(of: operation, type, sides, outputs ?? sides), for: test)
}

/// Any bytes in the place of a model.
func modelFile(_ bytes: Data, for test: XCTestCase) throws -> URL {
    let file = FileManager.default.temporaryDirectory
        .appendingPathComponent("\(UUID().uuidString).onnx")
    try bytes.write(to: file)
    test.addTeardownBlock { try FileManager.default.removeItem(at: file) }
    return file
}

private func model(
    of operation: String, _ type: Int, _ inputs: [Side], _ outputs: [Side]
) -> Data {
    let node = message([(1, .text("x")), (2, .text("y")), (4, .text(operation))])
    let graph = message([
        (1, .message(node)),
        (2, .text("graph")),
        (11, .message(value("x", type, inputs))),
        (12, .message(value("y", type, outputs))),
    ])
    let opset = message([(2, .number(13))])
    return message([(1, .number(8)), (7, .message(graph)), (8, .message(opset))])
}

private func value(_ name: String, _ type: Int, _ sides: [Side]) -> Data {
    let shape = message(
        sides.map { side in
            switch side {
            case .fixed(let length): (1, .message(message([(1, .number(length))])))
            case .named(let name): (1, .message(message([(2, .text(name))])))
            }
        })
    let tensor = message([(1, .number(type)), (2, .message(shape))])
    return message([(1, .text(name)), (2, .message(message([(1, .message(tensor))])))])
}

private enum Field {
    case number(Int)
    case text(String)
    case message(Data)
}

/// Protocol Buffers: numbers as varints, text and messages with their length.
private func message(_ fields: [(number: Int, value: Field)]) -> Data {
    var bytes = Data()
    for field in fields {
        switch field.value {
        case .number(let value):
            bytes.append(varint: field.number << 3)
            bytes.append(varint: value)
        case .text(let text):
            bytes.append(Data(text.utf8), as: field.number)
        case .message(let content):
            bytes.append(content, as: field.number)
        }
    }
    return bytes
}

extension Data {
    fileprivate mutating func append(_ content: Data, as number: Int) {
        append(varint: number << 3 | 2)
        append(varint: content.count)
        append(content)
    }

    fileprivate mutating func append(varint value: Int) {
        var rest = value
        while rest > 127 {
            append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        append(UInt8(rest))
    }
}
