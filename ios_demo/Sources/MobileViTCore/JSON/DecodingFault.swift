/// A name or an index on the way to a value.
struct Step: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        stringValue = "\(intValue)"
        self.intValue = intValue
    }
}

extension DecodingError {
    /// A value that is not what is expected there.
    static func fault(_ reason: String, at path: [any CodingKey]) -> DecodingError {
        .dataCorrupted(Context(codingPath: path, debugDescription: reason))
    }

    /// Where it is and what is wrong, in one line and the words of the host's readers: names from the
    /// file are cut, and control characters are escaped.
    var fault: String {
        let (path, reason) =
            switch self {
            case .keyNotFound(let key, let context):
                (context.codingPath + [key], context.debugDescription)
            case .typeMismatch(_, let context), .valueNotFound(_, let context),
                .dataCorrupted(let context):
                (context.codingPath, context.debugDescription)
            @unknown default: ([], "\(self)")
            }
        let place = path.map(\.stringValue).joined(separator: ".").prefix(scalars: longestName)
        return escaped(place.isEmpty ? reason : "\(place): \(reason)")
    }
}

private let longestName = 200  // code points

extension String {
    /// The first code points, at most `count`.
    func prefix(scalars count: Int) -> String {
        String(String.UnicodeScalarView(unicodeScalars.prefix(count)))
    }
}

/// As `ascii` of Python writes what `str.isprintable` refuses.
private func escaped(_ text: String) -> String {
    var line = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case " ": line += " "
        case "\n": line += "\\n"
        case "\r": line += "\\r"
        case "\t": line += "\\t"
        default:
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
                .paragraphSeparator, .spaceSeparator:
                line += hexEscape(scalar.value)
            default:
                line.unicodeScalars.append(scalar)
            }
        }
    }
    return line
}

private func hexEscape(_ value: UInt32) -> String {
    let (prefix, width) = value <= 0xff ? ("\\x", 2) : value <= 0xffff ? ("\\u", 4) : ("\\U", 8)
    return prefix + value.hex(width)
}

extension BinaryInteger {
    /// In hexadecimal digits, small, with zeros before it.
    func hex(_ width: Int) -> String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
