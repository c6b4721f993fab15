import Foundation
import MobileViTCore

/// Figures as a screen has them, in the person's own notation.
struct BenchmarkWords: Sendable {
    let locale: Locale

    init(locale: Locale = .autoupdatingCurrent) {
        self.locale = locale
    }

    /// Three figures that count: 0.123, 1.23, 12.3, 123.
    func figures(ms: Double) -> String {
        switch abs(ms) {
        case ..<0.9995: number(ms, decimals: 3)
        case ..<9.995: number(ms, decimals: 2)
        case ..<99.95: number(ms, decimals: 1)
        default: number(ms, decimals: 0)
        }
    }

    func milliseconds(ns: Double) -> String { "\(figures(ms: ns / nsPerMs)) ms" }

    func milliseconds(ns: Int) -> String { milliseconds(ns: Double(ns)) }

    /// - Parameter share: of 1.
    func percent(_ share: Double) -> String { "\(number(100 * share, decimals: 1)) %" }

    /// How many times as much: `1.25 times`.
    func times(_ ratio: Double) -> String {
        "\(number(ratio, decimals: ratio < 9.995 ? 2 : 0)) times"
    }

    func megabytes(_ bytes: Int) -> String {
        let megabytes = Double(bytes) / 1e6
        return "\(number(megabytes, decimals: megabytes < 9.95 ? 1 : 0)) MB"
    }

    func number(_ value: Double, decimals: Int) -> String {
        value.formatted(
            .number.precision(.fractionLength(decimals)).grouping(.never).locale(locale))
    }

    /// Such as `1 run` and `2 runs`.
    func count(_ count: Int, _ one: String, _ several: String? = nil) -> String {
        "\(count) \(count == 1 ? one : several ?? one + "s")"
    }
}

/// What may run an artifact, in words; the runtime's own name where it is another.
func delegateTitle(_ delegate: String) -> String {
    switch delegate {
    case "all": "All compute units"
    case "cpu+ne": "CPU and Neural Engine"
    case "cpu+gpu": "CPU and GPU"
    case "cpu": "CPU"
    default: delegate
    }
}

func runtimeTitle(_ runtime: String) -> String {
    switch runtime {
    case "coreml": "Core ML"
    case "onnxruntime": "ONNX Runtime"
    default: runtime
    }
}

/// The system's word for its heat, in ours.
func thermalTitle(_ status: String?) -> String {
    switch status {
    case nil: "not told"
    case "nominal"?: "not warm"
    case "fair"?: "a little warm"
    case "serious"?: "hot"
    case "critical"?: "very hot"
    case let other?: other
    }
}

extension BenchmarkCondition {
    public var text: String {
        switch self {
        case .debugBuild:
            "This is a debug build, so the app’s own code runs slower. Measure a release build."
        case .simulator:
            "This is a simulator: its times are those of no phone."
        case .lowBattery:
            "The battery is low, and phones save power then. Charge it first."
        case .lowPowerMode:
            "Low Power Mode is on and slows the processor down. Turn it off."
        case .charging:
            "The phone is charging, which warms it. Unplug it."
        case .warm:
            "The phone is warm and may be slowed down already. Let it cool."
        }
    }
}
