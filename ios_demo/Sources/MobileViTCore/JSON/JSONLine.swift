extension JSON {
    /// The value on one line, without spaces, in ASCII.
    var line: String {
        var line = ""
        append(to: &line)
        return line
    }

    private func append(to line: inout String) {
        switch self {
        case .null: line += "null"
        case .bool(let value): line += value ? "true" : "false"
        case .number(let literal): line += literal
        case .string(let text): appendQuoted(text, to: &line)
        case .array(let items):
            line += "["
            for (index, item) in items.enumerated() {
                if index > 0 { line += "," }
                item.append(to: &line)
            }
            line += "]"
        case .object(let object):
            line += "{"
            for (index, member) in object.members.enumerated() {
                if index > 0 { line += "," }
                appendQuoted(member.name, to: &line)
                line += ":"
                member.value.append(to: &line)
            }
            line += "}"
        }
    }
}

private func appendQuoted(_ text: String, to line: inout String) {
    line += "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"", "\\": line += "\\\(scalar)"
        case " "..."~": line.unicodeScalars.append(scalar)
        default:
            for unit in UTF16.encode(scalar) ?? .init() { line += "\\u" + unit.hex(4) }
        }
    }
    line += "\""
}
