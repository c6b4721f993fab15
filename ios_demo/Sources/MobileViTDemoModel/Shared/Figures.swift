import Foundation

/// Numbers as they are written where the phone's owner lives.
struct Figures: Sendable {
    let locale: Locale

    /// A share of 1, in whole percent.
    func percent(_ share: Float) -> String {
        let whole = (Double(share) * 100).rounded()
        // what is not a number has no percentage
        let shown = whole.isFinite ? min(max(whole, 0), 100) / 100 : 0
        return shown.formatted(.percent.precision(.fractionLength(0)).locale(locale))
    }

    /// Nanoseconds in milliseconds, with one decimal and without the unit.
    func milliseconds(_ nanoseconds: Int) -> String {
        (Double(nanoseconds) / 1e6).formatted(
            .number.precision(.fractionLength(1)).locale(locale))
    }

    /// Two digits that count, without an exponent.
    func twoDigits(_ value: Double) -> String {
        guard value.isFinite else { return "what is no number" }
        return value.formatted(.number.precision(.significantDigits(1...2)).locale(locale))
    }

    func count(_ value: Int) -> String { value.formatted(.number.locale(locale)) }
}

/// The name that people write, of a runtime as plans and results name it.
func title(ofRuntime name: String) -> String {
    switch name {
    case "coreml": "Core ML"
    case "onnxruntime": "ONNX Runtime"
    default: name
    }
}
