import Foundation

/// Decodes `Decodable` records as strictly as the host's readers do: no number for a string or the
/// like, no `1.0` for an integer, no field that the record does not have, no non-finite number.
///
/// - Throws: `DecodingError`, whose `codingPath` and `debugDescription` say where and what.
func decodeStrictly<Record: Decodable>(_ type: Record.Type, from json: Data) throws -> Record {
    try Located(parseJSON(json)).decode(type)
}

extension Located {
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if let type = type as? any StrictlyReadable.Type, let value = try type.init(self) as? Value
        {
            return value
        }
        if let type = type as? any (CaseIterable & RawRepresentable).Type {
            try checkChoice(type)
        }
        let decoder = StrictDecoder(self)
        let value = try Value(from: decoder)
        try decoder.finish()
        return value
    }

    /// Refuses, with a list of them, what is none of the names of an enumeration.
    private func checkChoice<Choice: CaseIterable & RawRepresentable>(_ type: Choice.Type) throws {
        let names = Choice.allCases.compactMap { $0.rawValue as? String }
        guard !names.isEmpty else { return }
        if case .string(let name) = json, names.contains(name) { return }
        throw fault("Input should be \(alternatives(names))")
    }
}

/// As pydantic lists them: `'a', 'b' or 'c'`.
private func alternatives(_ names: [String]) -> String {
    let quoted = names.map { "'\($0)'" }
    let most = quoted.dropLast().joined(separator: ", ")
    return most.isEmpty ? quoted.joined() : "\(most) or \(quoted[quoted.count - 1])"
}

/// The `Decoder` of one value.
final class StrictDecoder: Decoder {
    let value: Located
    let userInfo: [CodingUserInfoKey: Any] = [:]
    var codingPath: [any CodingKey] { value.way.path }

    /// The fields that were asked for; nil where what was asked for is no object.
    private var asked: Set<String>? = []
    private var nested: [StrictDecoder] = []

    init(_ value: Located) {
        self.value = value
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(StrictFields(decoder: self, object: try value.object()))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        StrictItems(decoder: whole(), items: try value.items())
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        StrictValue(decoder: whole())
    }

    /// Itself, where what is decoded of it is not a record.
    func whole() -> StrictDecoder {
        asked = nil
        return self
    }

    func ask(_ name: String) {
        asked?.insert(name)
    }

    /// A decoder of a part, which is finished with this one.
    func nest(_ part: Located) -> StrictDecoder {
        let decoder = StrictDecoder(part)
        nested.append(decoder)
        return decoder
    }

    /// Refuses fields that nobody asked for.
    func finish() throws {
        for decoder in nested { try decoder.finish() }
        guard let asked else { return }
        if let extra = try value.object().members.first(where: { !asked.contains($0.name) }) {
            throw value.member(extra.name, extra.value).fault("Extra inputs are not permitted")
        }
    }
}
