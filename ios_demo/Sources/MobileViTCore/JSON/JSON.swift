/// A JSON document as it stands in the file: numbers keep their digits, objects their order.
enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    /// As it is written; an integer has neither point nor exponent. `parseJSON` also reads `NaN`,
    /// `Infinity` and `-Infinity`, which JSON does not have.
    case number(String)
    case string(String)
    case array([JSON])
    case object(JSONObject)
}

/// The members of an object, as they stand there. Of a name that stands twice the last counts.
struct JSONObject: Sendable {
    struct Member: Equatable, Sendable {
        let name: String
        let value: JSON
    }

    /// Those that are shadowed by a later one among them.
    let members: [Member]
    private let last: [String: Int]

    init(_ members: [Member]) {
        self.members = members
        last = Dictionary(
            members.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { _, later in later })
    }

    subscript(name: String) -> JSON? {
        last[name].map { members[$0].value }
    }
}

extension JSONObject: Equatable {
    static func == (a: JSONObject, b: JSONObject) -> Bool { a.members == b.members }
}
