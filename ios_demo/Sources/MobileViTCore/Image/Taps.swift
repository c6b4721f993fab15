/// What resizing one side takes from which pixels: output `i` is the sum of
/// `weights[starts[i] + j] * input[first[i] + j]`, for `starts[i] + j` below `starts[i + 1]`.
///
/// The weights are those of Pillow's `Image.resize` for 8 bits a channel: the kernel is as wide as
/// the step between output pixels but no narrower than that of the input, is sampled at the centres
/// of pixels, cut at the borders, made to sum to 1, and rounded to `weightBits`.
struct Taps {
    /// Bits after the point of a weight: 8 of the pixel, one of the sign and one to spare are left.
    static let weightBits: Int32 = 22

    let first: [Int]
    let starts: [Int]
    let weights: [Int32]
    /// The first input that any output takes.
    let lowest: Int
    /// How many inputs there are from `lowest` to the last that any output takes.
    let reach: Int

    /// Of outputs.
    var count: Int { first.count }

    /// The taps of the `count` outputs in the middle, where `inSide` pixels are resized to `outSide`.
    init(inSide: Int, outSide: Int, count: Int, interpolation: Interpolation) {
        let offset = (outSide - count) / 2
        let scale = Double(inSide) / Double(outSide)
        let stretch = max(scale, 1)
        let support = stretch * interpolation.support
        var first: [Int] = []
        var starts = [0]
        var weights: [Int32] = []
        var sampled: [Double] = []
        first.reserveCapacity(count)
        starts.reserveCapacity(count + 1)
        weights.reserveCapacity(count * min(inSide, 2 * Int(support.rounded(.up)) + 1))
        var highest = 0
        for i in offset..<offset + count {
            let center = (Double(i) + 0.5) * scale
            let low = max(0, Int(center - support + 0.5))
            let high = min(inSide, Int(center + support + 0.5))
            sampled.removeAll(keepingCapacity: true)
            for j in low..<high {
                sampled.append(interpolation.kernel((Double(j) - center + 0.5) * (1 / stretch)))
            }
            let sum = sampled.reduce(0, +)
            first.append(low)
            for value in sampled {
                let weight = value / sum * Double(1 << Taps.weightBits)
                weights.append(Int32(weight < 0 ? weight - 0.5 : weight + 0.5))
            }
            starts.append(weights.count)
            highest = max(highest, high)
        }
        self.first = first
        self.starts = starts
        self.weights = weights
        lowest = first.min() ?? 0
        reach = highest - lowest
    }
}

extension Interpolation {
    /// How far the kernel reaches, in pixels of an image that is not made smaller.
    fileprivate var support: Double {
        switch self {
        case .bilinear: 1
        case .bicubic: 2
        }
    }

    fileprivate func kernel(_ at: Double) -> Double {
        let x = abs(at)
        switch self {
        case .bilinear: return x < 1 ? 1 - x : 0
        case .bicubic:  // Keys, a = -1/2
            if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
            return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0
        }
    }
}
