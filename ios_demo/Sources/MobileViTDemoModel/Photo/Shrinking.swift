import MobileViTCore

extension RGBImage {
    /// Small enough for the eye: each pixel is the mean of a square of this image's.
    ///
    /// - Parameter side: most pixels of the longer side of the result.
    func shrunk(toSide side: Int) -> RGBImage {
        let step = (max(width, height) + side - 1) / side
        guard step > 1 else { return self }
        let (newWidth, newHeight) = (max(1, width / step), max(1, height / step))
        let shrunk = pixels.withUnsafeBufferPointer { source in
            [UInt8](unsafeUninitializedCapacity: 3 * newWidth * newHeight) { target, filled in
                for y in 0..<newHeight {
                    let rows = y * step..<min(y * step + step, height)
                    for x in 0..<newWidth {
                        let columns = x * step..<min(x * step + step, width)
                        for channel in 0..<3 {
                            target[3 * (y * newWidth + x) + channel] = mean(
                                of: source, rows: rows, columns: columns, channel: channel)
                        }
                    }
                }
                filled = target.count
            }
        }
        // of the size that was asked for, so that nothing is refused
        return (try? RGBImage(width: newWidth, height: newHeight, pixels: shrunk)) ?? self
    }

    private func mean(
        of source: UnsafeBufferPointer<UInt8>, rows: Range<Int>, columns: Range<Int>, channel: Int
    ) -> UInt8 {
        var sum = 0
        for row in rows {
            for column in columns { sum += Int(source[3 * (row * width + column) + channel]) }
        }
        return UInt8(sum / (rows.count * columns.count))
    }
}
