extension RGBImage {
    /// Step 1 of preprocessing: the colours as they are stored, alpha dropped, gray in each channel,
    /// the upper 8 of 16 bits; upright.
    ///
    /// - Parameter orientation: the value of EXIF's Orientation, 1 to 8; any other asks for nothing.
    /// - Throws: `MobileViTError` of kind `image`: no pixels, too many, or more than the bytes hold.
    public init(
        samples: UnsafeRawBufferPointer, layout: PixelLayout, orientation: Int = 1
    ) throws {
        try layout.check(byteCount: samples.count)
        let placement = Placement(
            width: layout.width, height: layout.height, orientation: orientation)
        self.init(width: placement.width, height: placement.height) {
            copy(samples, layout, to: $0, placement)
        }
    }

    /// Becomes the image that `init` makes of the samples, without allocating where the image there
    /// was is of the same size: for the frames of a camera.
    public mutating func read(
        samples: UnsafeRawBufferPointer, layout: PixelLayout, orientation: Int = 1
    ) throws {
        try layout.check(byteCount: samples.count)
        let placement = Placement(
            width: layout.width, height: layout.height, orientation: orientation)
        refill(width: placement.width, height: placement.height) {
            copy(samples, layout, to: $0, placement)
        }
    }

    /// Upright, by the value of EXIF's Orientation, 1 to 8; any other asks for nothing.
    public func upright(orientation: Int) -> RGBImage {
        guard (2...8).contains(orientation) else { return self }
        let layout = PixelLayout(
            width: width, height: height, bytesPerRow: 3 * width, channels: .rgb)
        let placement = Placement(width: width, height: height, orientation: orientation)
        return RGBImage(width: placement.width, height: placement.height) { target in
            pixels.withUnsafeBytes { copy($0, layout, to: target, placement) }
        }
    }
}

/// - Parameter samples: as many as `layout` asks for.
private func copy(
    _ samples: UnsafeRawBufferPointer, _ layout: PixelLayout,
    to target: UnsafeMutablePointer<UInt8>, _ placement: Placement
) {
    guard let start = samples.baseAddress else { return }
    // rows that become columns are written to a place far away for each pixel: in parts, these places
    // stay in the cache until the next row comes by
    let part = abs(placement.right) == 1 ? layout.width : 64
    for left in stride(from: 0, to: layout.width, by: part) {
        let count = min(part, layout.width - left)
        for y in 0..<layout.height {
            copy(
                count, from: start + y * layout.bytesPerRow + left * layout.bytesPerPixel, layout,
                to: target + 3 * (placement.first + y * placement.down + left * placement.right),
                step: 3 * placement.right)
        }
    }
}

/// Pixels that lie beside each other.
private func copy(
    _ count: Int, from source: UnsafeRawPointer, _ layout: PixelLayout,
    to target: UnsafeMutablePointer<UInt8>, step: Int
) {
    if layout.premultiplied, let alpha = layout.channels.alpha {
        copyDivided(count, from: source, layout, alpha, to: target, step: step)
    } else if layout.channels == .rgb, layout.bitsPerChannel == 8, step == 3 {
        UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: 3 * count)
    } else {
        copyStored(count, from: source, layout, to: target, step: step)
    }
}

private func copyStored(
    _ count: Int, from source: UnsafeRawPointer, _ layout: PixelLayout,
    to target: UnsafeMutablePointer<UInt8>, step: Int
) {
    // of 16 bits the byte with the upper 8 is all that is read
    let size = layout.bitsPerChannel / 8
    let upper = layout.bigEndian ? 0 : size - 1
    let colors = layout.channels.colors
    let (red, green, blue) = (
        colors.red * size + upper, colors.green * size + upper, colors.blue * size + upper
    )
    let bytesPerPixel = layout.bytesPerPixel
    var from = source.assumingMemoryBound(to: UInt8.self)
    var to = target
    for _ in 0..<count {
        to[0] = from[red]
        to[1] = from[green]
        to[2] = from[blue]
        from += bytesPerPixel
        to += step
    }
}

/// Divides colours by alpha again.
///
/// - Parameter alpha: its place in a pixel.
private func copyDivided(
    _ count: Int, from source: UnsafeRawPointer, _ layout: PixelLayout, _ alpha: Int,
    to target: UnsafeMutablePointer<UInt8>, step: Int
) {
    let size = layout.bitsPerChannel / 8
    let most: UInt32 = layout.bitsPerChannel == 8 ? 0xff : 0xffff
    let colors = layout.channels.colors
    let bytesPerPixel = layout.bytesPerPixel
    func sample(_ pixel: UnsafeRawPointer, _ channel: Int) -> UInt32 {
        guard size == 2 else { return UInt32(pixel.load(fromByteOffset: channel, as: UInt8.self)) }
        let stored = pixel.loadUnaligned(fromByteOffset: 2 * channel, as: UInt16.self)
        return UInt32(layout.bigEndian ? UInt16(bigEndian: stored) : UInt16(littleEndian: stored))
    }
    var from = source
    var to = target
    for _ in 0..<count {
        let divisor = sample(from, alpha)
        func divided(_ channel: Int) -> UInt8 {
            guard divisor > 0 else { return 0 }
            let color = min(most, (sample(from, channel) * most + divisor / 2) / divisor)
            return UInt8(truncatingIfNeeded: size == 2 ? color >> 8 : color)
        }
        to[0] = divided(colors.red)
        to[1] = divided(colors.green)
        to[2] = divided(colors.blue)
        from += bytesPerPixel
        to += step
    }
}
