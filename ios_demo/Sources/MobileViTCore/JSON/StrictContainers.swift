/// The fields of a record.
struct StrictFields<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: StrictDecoder
    let object: JSONObject

    var codingPath: [any CodingKey] { decoder.codingPath }
    var allKeys: [Key] { object.members.compactMap { Key(stringValue: $0.name) } }

    func contains(_ key: Key) -> Bool { find(key) != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try field(key).isNull }

    // also those of the protocol for single types
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try field(key).decode(type)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try decoder.nest(field(key)).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoder.nest(field(key)).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder {
        decoder.nest(try field(Step(stringValue: "super")))
    }

    func superDecoder(forKey key: Key) throws -> any Decoder { decoder.nest(try field(key)) }

    private func find(_ key: some CodingKey) -> Located? {
        decoder.ask(key.stringValue)
        return object[key.stringValue].map { decoder.value.member(key.stringValue, $0) }
    }

    private func field(_ key: some CodingKey) throws -> Located {
        guard let field = find(key) else {
            let context = DecodingError.Context(
                codingPath: codingPath, debugDescription: "Field required")
            throw DecodingError.keyNotFound(key, context)
        }
        return field
    }
}

/// The items of an array, one after the other.
struct StrictItems: UnkeyedDecodingContainer {
    let decoder: StrictDecoder
    let items: [JSON]
    private(set) var currentIndex = 0

    init(decoder: StrictDecoder, items: [JSON]) {
        self.decoder = decoder
        self.items = items
    }

    var codingPath: [any CodingKey] { decoder.codingPath }
    var count: Int? { items.count }
    var isAtEnd: Bool { currentIndex == items.count }

    mutating func decodeNil() throws -> Bool {
        guard try item().isNull else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let value = try item().decode(type)
        currentIndex += 1
        return value
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        try nest().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try nest().unkeyedContainer()
    }

    mutating func superDecoder() throws -> any Decoder { try nest() }

    private mutating func nest() throws -> StrictDecoder {
        let part = decoder.nest(try item())
        currentIndex += 1
        return part
    }

    private func item() throws -> Located {
        guard !isAtEnd else {
            throw DecodingError.fault(
                "Field required", at: codingPath + [Step(intValue: currentIndex)])
        }
        return decoder.value.item(currentIndex, items[currentIndex])
    }
}

/// A value that is decoded as another type.
struct StrictValue: SingleValueDecodingContainer {
    let decoder: StrictDecoder

    var codingPath: [any CodingKey] { decoder.codingPath }

    func decodeNil() -> Bool { decoder.value.isNull }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try decoder.value.decode(type)
    }
}
