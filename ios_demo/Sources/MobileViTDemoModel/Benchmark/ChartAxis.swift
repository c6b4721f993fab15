import Foundation

/// An axis from `low` to `high`, with a tick at each multiple of `step` and at both ends.
public struct ChartAxis: Sendable, Equatable {
    public let low: Double
    public let high: Double
    public let step: Double

    /// Holds both values, with about `ticks` steps of 1, 2 or 5 times a power of ten.
    ///
    /// - Parameter high: above `low`.
    init(from low: Double, to high: Double, ticks: Int) {
        let rough = (high - low) / Double(ticks)
        let power = pow(10, log10(rough).rounded(.down))
        let factor = [1, 2, 5].first { $0 * power >= rough * (1 - rounding) } ?? 10
        step = power * factor
        self.low = (low / step + rounding).rounded(.down) * step
        self.high = (high / step - rounding).rounded(.up) * step
    }

    public var ticks: [Double] {
        (0...Int(((high - low) / step).rounded())).map { low + Double($0) * step }
    }

    func clamp(_ value: Double) -> Double { min(max(value, low), high) }

    /// As many as a tick's label needs.
    var decimals: Int { max(0, -Int((log10(step) + rounding).rounded(.down))) }

    /// With as many decimals as the step has.
    public func label(_ tick: Double, locale: Locale = .autoupdatingCurrent) -> String {
        tick.formatted(.number.precision(.fractionLength(decimals)).grouping(.never).locale(locale))
    }
}

private let rounding = 1e-9
