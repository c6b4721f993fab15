/// What is read of a JSON value as it is: the types that have no fields, and containers of any type.
protocol StrictlyReadable {
    init(_ value: Located) throws
}

extension Bool: StrictlyReadable {
    init(_ value: Located) throws { self = try value.bool() }
}

extension String: StrictlyReadable {
    init(_ value: Located) throws { self = try value.text() }
}

extension Double: StrictlyReadable {
    init(_ value: Located) throws { self = try value.number() }
}

extension Float: StrictlyReadable {
    init(_ value: Located) throws {
        self = Float(try value.number())
        guard isFinite else { throw value.fault("Input should be a finite number") }
    }
}

extension Int: StrictlyReadable {}
extension Int8: StrictlyReadable {}
extension Int16: StrictlyReadable {}
extension Int32: StrictlyReadable {}
extension Int64: StrictlyReadable {}
extension UInt: StrictlyReadable {}
extension UInt8: StrictlyReadable {}
extension UInt16: StrictlyReadable {}
extension UInt32: StrictlyReadable {}
extension UInt64: StrictlyReadable {}

extension StrictlyReadable where Self: FixedWidthInteger {
    init(_ value: Located) throws { self = try value.integer() }
}

extension Array: StrictlyReadable where Element: Decodable {
    init(_ value: Located) throws {
        let items = try value.items()
        self.init()
        reserveCapacity(items.count)
        for (index, item) in items.enumerated() {
            append(try value.item(index, item).decode(Element.self))
        }
    }
}

/// Values under a name that stands again later are checked as the others are.
extension Dictionary: StrictlyReadable where Key == String, Value: Decodable {
    init(_ value: Located) throws {
        self.init()
        for member in try value.object().members {
            self[member.name] = try value.member(member.name, member.value).decode(Value.self)
        }
    }
}
