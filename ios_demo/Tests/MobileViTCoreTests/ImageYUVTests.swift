import MobileViTFixtures
import XCTest

@testable import MobileViTCore

final class ImageYUVTests: XCTestCase {
    func testKnownColoursComeOut() throws {
        let full: [(yuv: [UInt8], rgb: [UInt8])] = [  // of ITU-R T.871
            ([0, 128, 128], [0, 0, 0]),
            ([255, 128, 128], [255, 255, 255]),
            ([128, 128, 128], [128, 128, 128]),
            ([76, 85, 255], [254, 0, 0]),
            ([150, 44, 21], [0, 255, 1]),
            ([29, 255, 107], [0, 0, 254]),
            ([226, 0, 149], [255, 255, 0]),  // clipped
            ([0, 0, 0], [0, 135, 0]),
        ]
        for (yuv, rgb) in full { XCTAssertEqual(try convert(yuv, .bt601, .full), rgb, "\(yuv)") }
        // colour bars of BT.601 and BT.709
        let bars: [(matrix: YUVLayout.Matrix, yuv: [UInt8], rgb: [UInt8])] = [
            (.bt601, [16, 128, 128], [0, 0, 0]),
            (.bt601, [235, 128, 128], [255, 255, 255]),
            (.bt601, [81, 90, 240], [254, 0, 0]),
            (.bt601, [145, 54, 34], [0, 255, 1]),
            (.bt601, [41, 240, 110], [0, 0, 255]),
            (.bt709, [16, 128, 128], [0, 0, 0]),
            (.bt709, [235, 128, 128], [255, 255, 255]),
            (.bt709, [63, 102, 240], [255, 1, 0]),
            (.bt709, [173, 42, 26], [0, 255, 1]),
            (.bt709, [32, 240, 118], [1, 0, 255]),
            (.bt709, [0, 128, 128], [0, 0, 0]),  // below black
            (.bt709, [255, 128, 128], [255, 255, 255]),
        ]
        for (matrix, yuv, rgb) in bars {
            let got = try convert(yuv, matrix, .video)
            for (level, expected) in zip(got, rgb) {
                XCTAssertEqual(
                    Int(level), Int(expected), accuracy: 1, "\(got) of \(yuv), \(matrix)")
            }
        }
    }

    func testGivesWhatTheFormulaGivesInFloatingPoint() throws {
        var random = SeededGenerator(seed: 420)
        for matrix in YUVLayout.Matrix.allCases {
            for range in YUVLayout.LevelRange.allCases {
                for _ in 0..<50 {
                    let frame = Frame.random(
                        matrix, range, padding: .random(in: 0..<20, using: &random), using: &random)
                    let upright = try frame.converted()
                    for orientation in 1...8 {
                        let image = try frame.read(orientation: orientation)
                        assertNear(image, upright.upright(orientation: orientation))
                    }
                }
            }
        }
    }

    func testAnotherMatrixRangeOrOrderOfChromaShows() throws {
        var random = SeededGenerator(seed: 1)
        let frame = Frame.random(.bt601, .full, padding: 0, using: &random)
        let right = try frame.read()
        XCTAssertNotEqual(try frame.said(.bt709, .full).read(), right)
        XCTAssertNotEqual(try frame.said(.bt601, .video).read(), right)
        XCTAssertNotEqual(try frame.swapped().read(), right)
    }

    func testReadingAgainReusesTheMemory() throws {
        var random = SeededGenerator(seed: 2)
        let frame = Frame.random(.bt709, .video, padding: 3, using: &random)
        var image = try frame.read()
        let (before, expected) = (image.pixels.withUnsafeBufferPointer { $0.baseAddress }, image)
        image = try RGBImage(
            width: image.width, height: image.height,
            pixels: [UInt8](repeating: 0, count: image.pixels.count))
        let own = image.pixels.withUnsafeBufferPointer { $0.baseAddress }
        try frame.read(into: &image)
        XCTAssertEqual(image, expected)
        XCTAssertEqual(image.pixels.withUnsafeBufferPointer { $0.baseAddress }, own)
        XCTAssertNotEqual(before, own)
    }

    private func convert(
        _ yuv: [UInt8], _ matrix: YUVLayout.Matrix, _ range: YUVLayout.LevelRange
    ) throws -> [UInt8] {
        let layout = YUVLayout(
            width: 1, height: 1, lumaBytesPerRow: 1, chromaBytesPerRow: 2, matrix: matrix,
            range: range)
        return try Frame(luma: [yuv[0]], chroma: [yuv[1], yuv[2]], layout: layout).read().pixels
    }
}

private struct Frame {
    let luma: [UInt8]
    let chroma: [UInt8]
    let layout: YUVLayout

    static func random(
        _ matrix: YUVLayout.Matrix, _ range: YUVLayout.LevelRange, padding: Int,
        using random: inout some RandomNumberGenerator
    ) -> Frame {
        let layout = YUVLayout(
            width: .random(in: 1...40, using: &random), height: .random(in: 1...40, using: &random),
            lumaBytesPerRow: 40 + padding, chromaBytesPerRow: 40 + padding, matrix: matrix,
            range: range)
        func plane(_ width: Int, _ height: Int) -> [UInt8] {
            // the last row ends with its last pixel
            (0..<(height - 1) * (40 + padding) + width).map { _ in
                .random(in: 0...255, using: &random)
            }
        }
        return Frame(
            luma: plane(layout.width, layout.height),
            chroma: plane((layout.width + 1) / 2 * 2, (layout.height + 1) / 2), layout: layout)
    }

    func read(orientation: Int = 1) throws -> RGBImage {
        try luma.withUnsafeBytes { luma in
            try chroma.withUnsafeBytes { chroma in
                try RGBImage(
                    luma: luma, chroma: chroma, layout: layout, orientation: orientation)
            }
        }
    }

    func read(into image: inout RGBImage) throws {
        try luma.withUnsafeBytes { luma in
            try chroma.withUnsafeBytes { chroma in
                try image.read(luma: luma, chroma: chroma, layout: layout)
            }
        }
    }

    func said(_ matrix: YUVLayout.Matrix, _ range: YUVLayout.LevelRange) -> Frame {
        let said = YUVLayout(
            width: layout.width, height: layout.height, lumaBytesPerRow: layout.lumaBytesPerRow,
            chromaBytesPerRow: layout.chromaBytesPerRow, matrix: matrix, range: range)
        return Frame(luma: luma, chroma: chroma, layout: said)
    }

    func swapped() -> Frame {
        Frame(luma: luma, chroma: chroma.dropFirst() + [128], layout: layout)
    }

    /// By the formulas of BT.601 and BT.709.
    func converted() throws -> RGBImage {
        let (red, blue) = layout.matrix == .bt601 ? (0.299, 0.114) : (0.2126, 0.0722)
        var pixels: [UInt8] = []
        for y in 0..<layout.height {
            for x in 0..<layout.width {
                let pair = y / 2 * layout.chromaBytesPerRow + x / 2 * 2
                var level = Double(luma[y * layout.lumaBytesPerRow + x]) / 255
                var b = (Double(chroma[pair]) - 128) / 255
                var r = (Double(chroma[pair + 1]) - 128) / 255
                if layout.range == .video {
                    level = (level * 255 - 16) / 219
                    b *= 255.0 / 224
                    r *= 255.0 / 224
                }
                let redLevel = level + 2 * (1 - red) * r
                let blueLevel = level + 2 * (1 - blue) * b
                let greenLevel = (level - red * redLevel - blue * blueLevel) / (1 - red - blue)
                for value in [redLevel, greenLevel, blueLevel] {
                    pixels.append(UInt8(min(max((255 * value).rounded(), 0), 255)))
                }
            }
        }
        return try RGBImage(width: layout.width, height: layout.height, pixels: pixels)
    }
}

/// Within the rounding of a sum that is almost half way.
private func assertNear(
    _ image: RGBImage, _ expected: RGBImage, file: StaticString = #filePath, line: UInt = #line
) {
    XCTAssertEqual(image.width, expected.width, file: file, line: line)
    XCTAssertEqual(image.height, expected.height, file: file, line: line)
    let differences = zip(image.pixels, expected.pixels).map { abs(Int($0) - Int($1)) }
    XCTAssertLessThanOrEqual(differences.max() ?? 0, 1, file: file, line: line)
    XCTAssertLessThanOrEqual(
        differences.reduce(0, +), 3 + differences.count / 500, file: file, line: line)
}
