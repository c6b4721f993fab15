import MobileViTFixtures
import XCTest

@testable import MobileViTCore

final class ImageLayoutTests: XCTestCase {
    private var random = SeededGenerator(seed: 16)

    func testReadsEveryLayoutInEveryOrientation() throws {
        for channels in PixelLayout.Channels.allCases {
            for bits in [8, 16] {
                for bigEndian in [false, true] {
                    for padding in [0, 1, 13] {
                        for orientation in 1...8 {
                            let picture = Picture.random(width: 9, height: 70, using: &random)
                            let (samples, layout) = picture.samples(
                                channels, bits: bits, bigEndian: bigEndian, padding: padding)
                            let image = try samples.withUnsafeBytes {
                                try RGBImage(samples: $0, layout: layout, orientation: orientation)
                            }
                            let expected = try picture.upper(gray: channels.isGray)
                                .upright(orientation: orientation)
                            XCTAssertEqual(image, expected, "\(layout), \(orientation)")
                        }
                    }
                }
            }
        }
    }

    func testTheUpper8Of16BitsAreKeptNotRounded() throws {
        let deep: [UInt16] = [0x00ff, 0x7fff, 0x80ff, 0xfeff, 0xff00]
        for bigEndian in [false, true] {
            let samples = deep.map { bigEndian ? $0.bigEndian : $0.littleEndian }
            let image = try samples.withUnsafeBytes {
                try RGBImage(
                    samples: $0,
                    layout: PixelLayout(
                        width: 5, height: 1, bytesPerRow: 10, channels: .gray, bitsPerChannel: 16,
                        bigEndian: bigEndian))
            }
            let expected: [UInt8] = [0x00, 0x7f, 0x80, 0xfe, 0xff]
            XCTAssertEqual(image.pixels, expected.flatMap { [$0, $0, $0] })
        }
    }

    func testDividesByAlphaWhatWasMultiplied() throws {
        for bits in [8, 16] {
            let most = 1 << bits - 1
            for channels in [PixelLayout.Channels.rgba, .argb, .bgra, .abgr, .grayAlpha] {
                let picture = Picture.random(width: 64, height: 16, using: &random)
                let (samples, layout) = picture.premultiplied(channels, bits: bits)
                let image = try samples.withUnsafeBytes {
                    try RGBImage(samples: $0, layout: layout)
                }
                let expected = try picture.upper(gray: channels.isGray)
                for (index, level) in image.pixels.enumerated() {
                    let alpha = Int(picture.alpha[index / 3]) >> (16 - bits)
                    guard alpha > 0 else {
                        XCTAssertEqual(level, 0)
                        continue
                    }
                    // half a level of what was multiplied, and half of one of the result
                    let lost = 0.5 * Double(most) / Double(alpha) / Double(most) * 255 + 1
                    XCTAssertEqual(
                        Double(level), Double(expected.pixels[index]), accuracy: lost,
                        "\(channels), \(bits) bits, alpha \(alpha)")
                }
            }
        }
    }

    func testColoursBesideAlphaStayAsStored() throws {
        let samples: [UInt8] = [200, 100, 50, 0, 1, 2, 3, 128]
        func read(premultiplied: Bool) throws -> [UInt8] {
            try samples.withUnsafeBytes {
                try RGBImage(
                    samples: $0,
                    layout: PixelLayout(
                        width: 2, height: 1, bytesPerRow: 8, channels: .rgba,
                        premultiplied: premultiplied)
                ).pixels
            }
        }
        XCTAssertEqual(try read(premultiplied: false), [200, 100, 50, 1, 2, 3])
        XCTAssertEqual(try read(premultiplied: true), [0, 0, 0, 2, 4, 6])
    }

    func testReadingAgainReusesTheMemoryAndChangesNoCopy() throws {
        let first = [UInt8](repeating: 1, count: 12)
        let second = [UInt8](repeating: 2, count: 12)
        let layout = PixelLayout(width: 2, height: 2, bytesPerRow: 6, channels: .rgb)
        var image = try RGBImage(width: 2, height: 2, pixels: first)
        let copy = image
        try second.withUnsafeBytes { try image.read(samples: $0, layout: layout) }
        XCTAssertEqual(image.pixels, second)
        XCTAssertEqual(copy.pixels, first)

        let before = image.pixels.withUnsafeBufferPointer { $0.baseAddress }
        try first.withUnsafeBytes { try image.read(samples: $0, layout: layout) }
        XCTAssertEqual(image.pixels.withUnsafeBufferPointer { $0.baseAddress }, before)

        let wide = PixelLayout(width: 4, height: 1, bytesPerRow: 12, channels: .rgb)
        try second.withUnsafeBytes { try image.read(samples: $0, layout: wide) }
        XCTAssertEqual(image, try RGBImage(width: 4, height: 1, pixels: second))
        try second.withUnsafeBytes { try image.read(samples: $0, layout: wide, orientation: 6) }
        XCTAssertEqual(image, try RGBImage(width: 1, height: 4, pixels: second))
    }
}

/// 16 bits a channel.
private struct Picture {
    let width: Int
    let height: Int
    let red: [UInt16]
    let green: [UInt16]
    let blue: [UInt16]
    let alpha: [UInt16]

    static func random(
        width: Int, height: Int, using random: inout some RandomNumberGenerator
    ) -> Picture {
        func channel() -> [UInt16] {
            (0..<width * height).map { _ in .random(in: 0...0xffff, using: &random) }
        }
        return Picture(
            width: width, height: height, red: channel(), green: channel(), blue: channel(),
            alpha: channel().map { $0 < 0x1000 ? 0 : $0 })
    }

    func upper(gray: Bool) throws -> RGBImage {
        try RGBImage(
            width: width, height: height,
            pixels: red.indices.flatMap { i in
                (gray ? [red[i], red[i], red[i]] : [red[i], green[i], blue[i]])
                    .map { UInt8($0 >> 8) }
            })
    }

    func samples(
        _ channels: PixelLayout.Channels, bits: Int, bigEndian: Bool = false, padding: Int = 0
    ) -> ([UInt8], PixelLayout) {
        lay(channels, bits: bits, bigEndian: bigEndian, padding: padding) { sample, _ in
            Int(sample) >> (16 - bits)
        }
    }

    func premultiplied(_ channels: PixelLayout.Channels, bits: Int) -> ([UInt8], PixelLayout) {
        let most = 1 << bits - 1
        return lay(channels, bits: bits, premultiplied: true) { sample, alpha in
            let (sample, alpha) = (Int(sample) >> (16 - bits), Int(alpha) >> (16 - bits))
            return (sample * alpha + most / 2) / most
        }
    }

    /// The last row ends with its last pixel.
    private func lay(
        _ channels: PixelLayout.Channels, bits: Int, bigEndian: Bool = false, padding: Int = 0,
        premultiplied: Bool = false, color: (UInt16, UInt16) -> Int
    ) -> ([UInt8], PixelLayout) {
        let order = channels.order
        let pixelBytes = order.count * bits / 8
        var bytes: [UInt8] = []
        for i in red.indices {
            for name in order {
                let sample =
                    switch name {
                    case "r", "w": color(red[i], alpha[i])
                    case "g": color(green[i], alpha[i])
                    case "b": color(blue[i], alpha[i])
                    default: Int(alpha[i]) >> (16 - bits)
                    }
                let low = UInt8(sample & 0xff)
                let high = UInt8(sample >> 8)
                bytes += bits == 8 ? [low] : bigEndian ? [high, low] : [low, high]
            }
            if (i + 1) % width == 0, i + 1 < red.count {
                bytes += [UInt8](repeating: 0xaa, count: padding)
            }
        }
        let layout = PixelLayout(
            width: width, height: height, bytesPerRow: width * pixelBytes + padding,
            channels: channels, bitsPerChannel: bits, bigEndian: bigEndian,
            premultiplied: premultiplied)
        return (bytes, layout)
    }
}

extension PixelLayout.Channels {
    fileprivate var isGray: Bool { self == .gray || self == .grayAlpha }

    fileprivate var order: [Character] {
        switch self {
        case .gray: ["w"]
        case .grayAlpha: ["w", "a"]
        default: Array(rawValue)
        }
    }
}
