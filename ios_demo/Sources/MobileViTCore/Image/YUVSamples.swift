extension RGBImage {
    /// A camera's frame, upright.
    ///
    /// - Parameters:
    ///   - luma: one byte for each pixel, row by row.
    ///   - chroma: U and V of each four pixels, row by row.
    ///   - orientation: the value of EXIF's Orientation, 1 to 8; any other asks for nothing.
    /// - Throws: `MobileViTError` of kind `image`: no pixels, too many, or more than the planes hold.
    public init(
        luma: UnsafeRawBufferPointer, chroma: UnsafeRawBufferPointer, layout: YUVLayout,
        orientation: Int = 1
    ) throws {
        try layout.check(lumaBytes: luma.count, chromaBytes: chroma.count)
        let placement = Placement(
            width: layout.width, height: layout.height, orientation: orientation)
        self.init(width: placement.width, height: placement.height) {
            convert(luma, chroma, layout, to: $0, placement)
        }
    }

    /// Becomes the image that `init` makes of the planes, without allocating where the image there
    /// was is of the same size.
    public mutating func read(
        luma: UnsafeRawBufferPointer, chroma: UnsafeRawBufferPointer, layout: YUVLayout,
        orientation: Int = 1
    ) throws {
        try layout.check(lumaBytes: luma.count, chromaBytes: chroma.count)
        let placement = Placement(
            width: layout.width, height: layout.height, orientation: orientation)
        refill(width: placement.width, height: placement.height) {
            convert(luma, chroma, layout, to: $0, placement)
        }
    }
}

/// - Parameters: luma, chroma: as many bytes as `layout` asks for.
private func convert(
    _ luma: UnsafeRawBufferPointer, _ chroma: UnsafeRawBufferPointer, _ layout: YUVLayout,
    to target: UnsafeMutablePointer<UInt8>, _ placement: Placement
) {
    guard let luma = luma.baseAddress, let chroma = chroma.baseAddress else { return }
    let weights = YUVWeights(layout.matrix, layout.range)
    withUnsafeTemporaryAllocation(of: SIMD4<Int32>.self, capacity: layout.chromaWidth) { shifts in
        guard let shifts = shifts.baseAddress else { return }
        for y in 0..<layout.height {
            if y.isMultiple(of: 2) {
                let pairs = chroma + y / 2 * layout.chromaBytesPerRow
                weights.readChroma(
                    pairs.assumingMemoryBound(to: UInt8.self), layout.chromaWidth, shifts)
            }
            let row = luma + y * layout.lumaBytesPerRow
            weights.convertRow(
                row.assumingMemoryBound(to: UInt8.self), layout.width, shifts,
                to: target + 3 * (placement.first + y * placement.down), step: 3 * placement.right)
        }
    }
}

/// What a level of luma, U and V adds to each channel: fixed point, as there is one for every pixel.
private struct YUVWeights {
    private static let bits: Int32 = 20

    private let luma: Int32
    /// Level 0 of luma, and a half so that what is cut off rounds.
    private let offset: Int32
    private let redOfV: Int32
    private let greenOfU: Int32
    private let greenOfV: Int32
    private let blueOfU: Int32

    init(_ matrix: YUVLayout.Matrix, _ range: YUVLayout.LevelRange) {
        // what red and blue are of luma: ITU-R BT.601-7, 2.5.1, and BT.709-6, 3.2
        let (red, blue) =
            switch matrix {
            case .bt601: (0.299, 0.114)
            case .bt709: (0.2126, 0.0722)
            }
        // 219 levels of luma and 224 of chroma instead of 255: BT.601-7, 2.5.3
        let (lumaScale, chromaScale, black) =
            switch range {
            case .full: (1.0, 1.0, 0.0)
            case .video: (255.0 / 219, 255.0 / 224, 16.0)
            }
        func fixed(_ value: Double) -> Int32 {
            Int32((value * Double(1 << YUVWeights.bits)).rounded())
        }
        let green = 1 - red - blue
        luma = fixed(lumaScale)
        offset = fixed(0.5 - lumaScale * black)
        redOfV = fixed(chromaScale * 2 * (1 - red))
        greenOfU = fixed(chromaScale * -2 * (1 - blue) * blue / green)
        greenOfV = fixed(chromaScale * -2 * (1 - red) * red / green)
        blueOfU = fixed(chromaScale * 2 * (1 - blue))
    }

    /// - Parameter shifts: what each pair adds to red, green and blue.
    func readChroma(
        _ pairs: UnsafePointer<UInt8>, _ count: Int, _ shifts: UnsafeMutablePointer<SIMD4<Int32>>
    ) {
        for x in 0..<count {
            let u = Int32(pairs[2 * x]) - 128
            let v = Int32(pairs[2 * x + 1]) - 128
            shifts[x] = SIMD4(
                offset &+ redOfV &* v, offset &+ greenOfU &* u &+ greenOfV &* v,
                offset &+ blueOfU &* u, 0)
        }
    }

    func convertRow(
        _ row: UnsafePointer<UInt8>, _ width: Int, _ shifts: UnsafePointer<SIMD4<Int32>>,
        to target: UnsafeMutablePointer<UInt8>, step: Int
    ) {
        var to = target
        for x in 0..<width {
            let sums = shifts[x >> 1] &+ SIMD4(repeating: luma &* Int32(row[x]))
            let levels = (sums &>> YUVWeights.bits).clamped(
                lowerBound: .zero, upperBound: SIMD4(repeating: 255))
            to[0] = UInt8(truncatingIfNeeded: levels.x)
            to[1] = UInt8(truncatingIfNeeded: levels.y)
            to[2] = UInt8(truncatingIfNeeded: levels.z)
            to += step
        }
    }
}
