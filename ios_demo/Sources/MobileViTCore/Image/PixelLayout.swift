/// How the samples of an image lie in memory, as `CGImage`, `CVPixelBuffer` and arrays have it.
public struct PixelLayout: Sendable, Equatable {
    /// In the order in which they lie; what is not red, green, blue or gray is dropped.
    public enum Channels: String, Sendable, CaseIterable, Decodable {
        case gray, grayAlpha, rgb, rgba, argb, bgra, abgr
    }

    public let width: Int
    public let height: Int
    /// From the start of one row to that of the next. The last row may end with its last pixel.
    public let bytesPerRow: Int
    public let channels: Channels
    /// 8 or 16; of 16 the upper 8 are kept.
    public let bitsPerChannel: Int
    /// Of samples of 16 bits.
    public let bigEndian: Bool
    /// Colours were multiplied by alpha, which is undone as far as it can be: what alpha 0 made
    /// black stays black.
    public let premultiplied: Bool

    public init(
        width: Int, height: Int, bytesPerRow: Int, channels: Channels, bitsPerChannel: Int = 8,
        bigEndian: Bool = false, premultiplied: Bool = false
    ) {
        self.width = width
        self.height = height
        self.bytesPerRow = bytesPerRow
        self.channels = channels
        self.bitsPerChannel = bitsPerChannel
        self.bigEndian = bigEndian
        self.premultiplied = premultiplied
    }

    var bytesPerPixel: Int { channels.count * (bitsPerChannel / 8) }

    /// From the first to the last sample; nil: there is none, or more than can be counted.
    public var leastByteCount: Int? {
        guard width > 0, height > 0 else { return nil }
        let (rows, overflow) = bytesPerRow.multipliedReportingOverflow(by: height - 1)
        let (row, overflowed) = width.multipliedReportingOverflow(by: bytesPerPixel)
        let (count, overran) = rows.addingReportingOverflow(row)
        return overflow || overflowed || overran ? nil : count
    }

    /// - Throws: `MobileViTError` of kind `image`: no pixels, too many, or more than `byteCount` bytes
    ///   hold.
    func check(byteCount: Int) throws {
        try RGBImage.pixelCount(width: width, height: height)
        guard bitsPerChannel == 8 || bitsPerChannel == 16 else {
            throw MobileViTError(
                .image, "samples of \(bitsPerChannel) bits have no defined range here",
                hint: "convert the image to 8 or 16 bits a channel")
        }
        guard bytesPerRow / bytesPerPixel >= width else {
            throw MobileViTError(
                .image,
                "rows of \(bytesPerRow) bytes do not hold \(width) pixels of \(bytesPerPixel)")
        }
        guard let needed = leastByteCount, needed <= byteCount else {
            throw MobileViTError(
                .image,
                "\(byteCount) bytes are too few for \(width)x\(height) pixels in rows of "
                    + "\(bytesPerRow) bytes")
        }
    }
}

extension PixelLayout.Channels {
    var count: Int {
        switch self {
        case .gray: 1
        case .grayAlpha: 2
        case .rgb: 3
        case .rgba, .argb, .bgra, .abgr: 4
        }
    }

    /// The places of red, green and blue in a pixel.
    var colors: (red: Int, green: Int, blue: Int) {
        switch self {
        case .gray, .grayAlpha: (0, 0, 0)
        case .rgb, .rgba: (0, 1, 2)
        case .argb: (1, 2, 3)
        case .bgra: (2, 1, 0)
        case .abgr: (3, 2, 1)
        }
    }

    /// The place of alpha, where there is one.
    var alpha: Int? {
        switch self {
        case .gray, .rgb: nil
        case .grayAlpha: 1
        case .rgba, .bgra: 3
        case .argb, .abgr: 0
        }
    }
}
