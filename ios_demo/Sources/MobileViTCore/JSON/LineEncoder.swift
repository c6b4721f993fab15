/// One line of JSON in ASCII, fields in the order of the record, `null` where it encodes nil.
///
/// - Throws: `EncodingError`: a number among it is not finite, JSON has none.
func encodeLine(_ record: some Encodable) throws -> String {
    let part = EncodedPart()
    try part.encode(record, [])
    return part.json.line
}

/// A value that is being encoded; containers of an encoder write to the same one.
private final class EncodedPart {
    private enum Content {
        case leaf(JSON)
        case items([EncodedPart])
        case fields([(name: String, part: EncodedPart)])
    }

    // a record without fields
    private var content = Content.fields([])

    var json: JSON {
        switch content {
        case .leaf(let json): json
        case .items(let items): .array(items.map(\.json))
        case .fields(let fields):
            .object(JSONObject(fields.map { .init(name: $0.name, value: $0.part.json) }))
        }
    }

    func encode(_ value: some Encodable, _ path: [any CodingKey]) throws {
        if let value = value as? any LineWritable {
            content = .leaf(try value.json(path))
        } else if let values = value as? any NamedValues {
            for (name, value) in values.byName {
                try setField(name).encode(value, path + [Step(stringValue: name)])
            }
        } else {
            try value.encode(to: LineEncoder(part: self, codingPath: path))
        }
    }

    func setNull() { content = .leaf(.null) }

    func setItems() { content = .items([]) }

    func addItem() -> EncodedPart {
        let part = EncodedPart()
        guard case .items(var items) = content else { return part }
        content = .leaf(.null)  // so that the items are not copied
        items.append(part)
        content = .items(items)
        return part
    }

    /// Another part where there is one of this name.
    func setField(_ name: String) -> EncodedPart {
        let part = EncodedPart()
        guard case .fields(var fields) = content else { return part }
        fields.removeAll { $0.name == name }
        fields.append((name, part))
        content = .fields(fields)
        return part
    }
}

private struct LineEncoder: Encoder {
    let part: EncodedPart
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(FieldEncoder(part: part, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        part.setItems()
        return ItemEncoder(part: part, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        ValueEncoder(part: part, codingPath: codingPath)
    }
}

private struct FieldEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let part: EncodedPart
    let codingPath: [any CodingKey]

    func encodeNil(forKey key: Key) { part.setField(key.stringValue).setNull() }

    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        try part.setField(key.stringValue).encode(value, codingPath + [key])
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        encoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        encoder(key).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { encoder(Step(stringValue: "super")) }

    func superEncoder(forKey key: Key) -> any Encoder { encoder(key) }

    private func encoder(_ key: some CodingKey) -> LineEncoder {
        LineEncoder(part: part.setField(key.stringValue), codingPath: codingPath + [key])
    }
}

private struct ItemEncoder: UnkeyedEncodingContainer {
    let part: EncodedPart
    let codingPath: [any CodingKey]
    private(set) var count = 0

    init(part: EncodedPart, codingPath: [any CodingKey]) {
        self.part = part
        self.codingPath = codingPath
    }

    mutating func encodeNil() { encoder().part.setNull() }

    mutating func encode<Value: Encodable>(_ value: Value) throws {
        let item = encoder()
        try item.part.encode(value, item.codingPath)
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) -> KeyedEncodingContainer<Nested> {
        encoder().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        encoder().unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { encoder() }

    private mutating func encoder() -> LineEncoder {
        defer { count += 1 }
        return LineEncoder(part: part.addItem(), codingPath: codingPath + [Step(intValue: count)])
    }
}

private struct ValueEncoder: SingleValueEncodingContainer {
    let part: EncodedPart
    let codingPath: [any CodingKey]

    func encodeNil() { part.setNull() }

    func encode<Value: Encodable>(_ value: Value) throws { try part.encode(value, codingPath) }
}
