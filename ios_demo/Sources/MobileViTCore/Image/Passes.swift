private let half: Int32 = 1 << (Taps.weightBits - 1)

/// Resizes the width of `rows` rows of RGB pixels.
///
/// - Parameters:
///   - source: where the first row's column 0 is or would be.
///   - stride: from one row of `source` to the next, in bytes.
///   - target: `rows * taps.count * 3` bytes, written without gaps.
func resizeAcross(
    _ taps: Taps, source: UnsafePointer<UInt8>, stride: Int, rows: Int,
    target: UnsafeMutablePointer<UInt8>
) {
    taps.first.withUnsafeBufferPointer { first in
        taps.starts.withUnsafeBufferPointer { starts in
            taps.weights.withUnsafeBufferPointer { weights in
                var to = target
                for row in 0..<rows {
                    let line = source + row * stride
                    for column in first.indices {
                        var from = line + 3 * first[column]
                        var red = half
                        var green = half
                        var blue = half
                        for i in starts[column]..<starts[column + 1] {
                            let weight = weights[i]
                            red &+= weight &* Int32(from[0])
                            green &+= weight &* Int32(from[1])
                            blue &+= weight &* Int32(from[2])
                            from += 3
                        }
                        to[0] = rounded(red)
                        to[1] = rounded(green)
                        to[2] = rounded(blue)
                        to += 3
                    }
                }
            }
        }
    }
}

/// Resizes the height of rows that are as long as `sums`.
///
/// - Parameters:
///   - source: where row 0 starts or would start.
///   - stride: from one row of `source` to the next, in bytes.
///   - sums: is overwritten.
///   - target: `taps.count * sums.count` bytes, written without gaps.
func resizeDown(
    _ taps: Taps, source: UnsafePointer<UInt8>, stride: Int,
    sums: UnsafeMutableBufferPointer<Int32>, target: UnsafeMutablePointer<UInt8>
) {
    var to = target
    for row in taps.first.indices {
        sums.update(repeating: half)
        var from = source + taps.first[row] * stride
        for i in taps.starts[row]..<taps.starts[row + 1] {
            let weight = taps.weights[i]
            for x in sums.indices { sums[x] &+= weight &* Int32(from[x]) }
            from += stride
        }
        for x in sums.indices { to[x] = rounded(sums[x]) }
        to += sums.count
    }
}

/// Within a byte's range, which a bicubic kernel leaves.
@inline(__always)
private func rounded(_ sum: Int32) -> UInt8 {
    UInt8(truncatingIfNeeded: min(max(sum >> Taps.weightBits, 0), 255))
}
