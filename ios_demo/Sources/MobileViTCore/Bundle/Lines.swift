/// Lines as `str.splitlines` of Python splits them: not by `Character`, of which `\r\n` is one.
func splitLines(_ text: String) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
        if isLineEnd(scalar) {
            if !(previous == "\r" && scalar == "\n") {
                lines.append(String(line))
                line = .init()
            }
        } else {
            line.append(scalar)
        }
        previous = scalar
    }
    if let last = previous, !isLineEnd(last) { lines.append(String(line)) }
    return lines
}

private func isLineEnd(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "\n", "\u{b}", "\u{c}", "\r", "\u{1c}"..."\u{1e}", "\u{85}", "\u{2028}", "\u{2029}": true
    default: false
    }
}
