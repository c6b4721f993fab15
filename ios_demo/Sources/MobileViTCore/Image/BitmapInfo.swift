extension PixelLayout {
    /// The layout of the samples of a `CGImage`, where they can be read as they are stored: red, green
    /// and blue, or gray, of 8 or 16 bits. nil otherwise: packed into less or 10 bits, floating point,
    /// alpha alone, an order of bytes that shuffles channels or is not told.
    ///
    /// - Parameters:
    ///   - bitmapInfo: the raw value of `CGBitmapInfo`, which has how alpha is stored among it.
    ///   - monochrome: whether the colour space is of gray, else of red, green and blue.
    public init?(
        width: Int, height: Int, bytesPerRow: Int, bitsPerComponent: Int, bitsPerPixel: Int,
        bitmapInfo: UInt32, monochrome: Bool
    ) {
        guard let alpha = Alpha(rawValue: bitmapInfo & 0x1f),
            let order = ByteOrder(rawValue: bitmapInfo & 0x7000),
            bitmapInfo & 0xf0f00 == 0,  // of whole numbers, not packed
            let channels = monochrome ? alpha.besideGray : alpha.besideColors,
            bitsPerComponent == 8 || bitsPerComponent == 16,
            bitsPerPixel == channels.count * bitsPerComponent
        else { return nil }
        var reversed = false
        switch (bitsPerComponent, order) {
        case (8, .unspecified), (16, .big16), (16, .little16): break
        case (8, .big32) where channels.count == 4: break
        case (8, .little32) where channels.count == 4: reversed = true
        default: return nil
        }
        self.init(
            width: width, height: height, bytesPerRow: bytesPerRow,
            channels: reversed ? channels.reversed : channels, bitsPerChannel: bitsPerComponent,
            bigEndian: order == .big16,
            premultiplied: alpha == .premultipliedFirst || alpha == .premultipliedLast)
    }
}

/// The values of `CGImageAlphaInfo`.
private enum Alpha: UInt32 {
    case none, premultipliedLast, premultipliedFirst, last, first, skipLast, skipFirst

    var besideColors: PixelLayout.Channels {
        switch self {
        case .none: .rgb
        case .premultipliedLast, .last, .skipLast: .rgba
        case .premultipliedFirst, .first, .skipFirst: .argb
        }
    }

    var besideGray: PixelLayout.Channels? {
        switch self {
        case .none: .gray
        case .premultipliedLast, .last, .skipLast: .grayAlpha
        case .premultipliedFirst, .first, .skipFirst: nil
        }
    }
}

/// The values of `CGImageByteOrderInfo`.
private enum ByteOrder: UInt32 {
    case unspecified = 0x0000
    case little16 = 0x1000
    case little32 = 0x2000
    case big16 = 0x3000
    case big32 = 0x4000
}

extension PixelLayout.Channels {
    /// Of a pixel of 32 bits whose bytes lie the other way round.
    fileprivate var reversed: PixelLayout.Channels {
        switch self {
        case .rgba: .abgr
        case .argb: .bgra
        case .bgra: .argb
        case .abgr: .rgba
        case .gray, .grayAlpha, .rgb: self
        }
    }
}
