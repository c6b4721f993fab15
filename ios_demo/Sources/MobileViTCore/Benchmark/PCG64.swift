/// NumPy's default generator, PCG XSL RR 128/64 (O'Neill, "PCG", 2014), with the draws of
/// `Generator.integers`, so that the host and this library draw the same.
struct PCG64 {
    private var state: Wide
    private let increment: Wide
    /// The upper half of the last 64 bits, where only the lower one was taken.
    private var kept: UInt32?

    /// `numpy.random.default_rng(0)`: what its SeedSequence makes of 0.
    static let numPySeed0 = PCG64(
        state: Wide(0x1aa1_b534_5996_452d, 0x0958_5eb7_a695_61e3),
        increment: Wide(0x418d_dadb_3af7_1a82, 0x5881_33bc_4478_73a9)
    )

    private init(state: Wide, increment: Wide) {
        self.state = state
        self.increment = increment
    }

    mutating func next() -> UInt64 {
        state = state &* Self.multiplier &+ increment
        let folded = state.high ^ state.low
        let turn = state.high >> 58
        return folded >> turn | folded << ((64 - turn) & 63)
    }

    private mutating func next32() -> UInt32 {
        if let kept {
            self.kept = nil
            return kept
        }
        let both = next()
        kept = UInt32(truncatingIfNeeded: both >> 32)
        return UInt32(truncatingIfNeeded: both)
    }

    /// Uniform in `0..<bound`, by Lemire's method; takes no draw where there is no choice.
    ///
    /// - Parameter bound: 1 or more, and less than 2^32.
    mutating func below(_ bound: Int) -> Int {
        guard bound > 1 else { return 0 }
        let bound = UInt32(bound)
        var product = UInt64(next32()) * UInt64(bound)
        let threshold = (0 &- bound) % bound
        while UInt32(truncatingIfNeeded: product) < threshold {
            product = UInt64(next32()) * UInt64(bound)
        }
        return Int(product >> 32)
    }

    private static let multiplier = Wide(0x2360_ed05_1fc6_5da4, 0x4385_df64_9fcc_f645)
}

/// 128 bits; the standard library's own are newer than iOS 16.
private struct Wide {
    let high: UInt64
    let low: UInt64

    init(_ high: UInt64, _ low: UInt64) {
        self.high = high
        self.low = low
    }

    static func &+ (a: Wide, b: Wide) -> Wide {
        let (low, carry) = a.low.addingReportingOverflow(b.low)
        return Wide(a.high &+ b.high &+ (carry ? 1 : 0), low)
    }

    static func &* (a: Wide, b: Wide) -> Wide {
        let low = a.low.multipliedFullWidth(by: b.low)
        return Wide(low.high &+ a.high &* b.low &+ a.low &* b.high, low.low)
    }
}
