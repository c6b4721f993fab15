import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

final class ImageRefusalTests: XCTestCase {
    func testRefusesWhatHasNoPixelsTooManyOrNotItsBytes() {
        for (width, height) in [(0, 1), (1, 0), (-1, 4), (4, -1), (.min, .min)] {
            assertRefused("has nothing in it") {
                try RGBImage(width: width, height: height, pixels: [])
            }
        }
        for (width, height) in [(178_956_971, 1), (.max, .max), (1 << 32, 1 << 32)] {
            assertRefused("more than 178 million") {
                try RGBImage(width: width, height: height, pixels: [])
            }
        }
        for count in [0, 11, 13] {
            assertRefused("\(count) bytes are not an RGB image of 2x2 pixels") {
                try RGBImage(width: 2, height: 2, pixels: [UInt8](repeating: 0, count: count))
            }
        }
    }

    func testRefusesSamplesThatEndEarlyAndTakesThoseThatJustSuffice() throws {
        let layout = PixelLayout(width: 3, height: 2, bytesPerRow: 16, channels: .rgba)
        let samples = [UInt8](repeating: 9, count: 28)
        XCTAssertEqual(try read(samples, layout).pixels, [UInt8](repeating: 9, count: 18))
        assertRefused("27 bytes are too few for 3x2 pixels in rows of 16 bytes") {
            try self.read(samples.dropLast(), layout)
        }
        assertRefused("0 bytes are too few") { try self.read([], layout) }
        var image = try RGBImage(width: 1, height: 1, pixels: [1, 2, 3])
        XCTAssertThrowsError(try [].withUnsafeBytes { try image.read(samples: $0, layout: layout) })
        XCTAssertEqual(image.pixels, [1, 2, 3], "what cannot be read changes nothing")
    }

    func testRefusesLayoutsThatCannotBe() {
        let samples = [UInt8](repeating: 9, count: 64)
        func layout(
            _ width: Int, _ height: Int, _ bytesPerRow: Int, bits: Int = 8
        ) -> PixelLayout {
            PixelLayout(
                width: width, height: height, bytesPerRow: bytesPerRow, channels: .rgba,
                bitsPerChannel: bits)
        }
        assertRefused("nothing in it") { try self.read(samples, layout(0, 2, 16)) }
        assertRefused("nothing in it") { try self.read(samples, layout(2, -2, 16)) }
        assertRefused("do not hold 3 pixels") { try self.read(samples, layout(3, 2, 11)) }
        assertRefused("do not hold 3 pixels") { try self.read(samples, layout(3, 2, 0)) }
        assertRefused("do not hold 3 pixels") { try self.read(samples, layout(3, 2, -16)) }
        assertRefused("do not hold 3 pixels") { try self.read(samples, layout(3, 2, 23, bits: 16)) }
        assertRefused("too few") { try self.read(samples, layout(1, 3, .max)) }
        assertRefused("too few") { try self.read(samples, layout(1, 2, .max)) }
        assertRefused("million") { try self.read(samples, layout(.max, .max, .max)) }
        for bits in [-8, 0, 1, 5, 10, 32, .max, .min] {
            assertRefused("samples of \(bits) bits") {
                try self.read(samples, layout(1, 1, 16, bits: bits))
            }
        }
    }

    func testRefusesFramesThatEndEarly() throws {
        let luma = [UInt8](repeating: 100, count: 3 * 8 + 5)
        let chroma = [UInt8](repeating: 128, count: 8 + 6)
        let layout = YUVLayout(width: 5, height: 4, lumaBytesPerRow: 8, chromaBytesPerRow: 8)
        XCTAssertEqual(Set(try read(luma, chroma, layout).pixels), [100])
        assertRefused("28 bytes are too few for 5x4 pixels") {
            try self.read(luma.dropLast(), chroma, layout)
        }
        assertRefused("13 bytes are too few for 3x2 pixels") {
            try self.read(luma, chroma.dropLast(), layout)
        }
        for (width, height) in [(0, 4), (5, 0), (-5, 4), (.max, 2), (.max, .max), (.min, .min)] {
            let layout = YUVLayout(
                width: width, height: height, lumaBytesPerRow: 8, chromaBytesPerRow: 8)
            XCTAssertThrowsError(try read(luma, chroma, layout))
        }
        for bytesPerRow in [0, -8, 4, .max, .min] {
            let layout = YUVLayout(
                width: 5, height: 4, lumaBytesPerRow: 8, chromaBytesPerRow: bytesPerRow)
            XCTAssertThrowsError(try read(luma, chroma, layout))
        }
    }

    func testRefusesWhatAHeaderPromisesByTheNumbersOfPython() throws {
        try RGBImage.checkPromise(width: 4096, height: 4096, fileBytes: 10)
        try RGBImage.checkPromise(width: 4000, height: 10_000, fileBytes: 100_000)
        try RGBImage.checkPromise(width: 178_956_970, height: 1, fileBytes: .max)
        assertRefused("the image is 4097x4096 pixels in 10 bytes, as no photo is") {
            try RGBImage.checkPromise(width: 4097, height: 4096, fileBytes: 10)
        }
        assertRefused("as no photo is") {
            try RGBImage.checkPromise(width: 4000, height: 10_001, fileBytes: 100_000)
        }
        assertRefused("as no photo is") {
            try RGBImage.checkPromise(width: .max, height: .max, fileBytes: 1 << 30)
        }
        assertRefused("the image is 178956971x1 pixels, more than 178 million") {
            try RGBImage.checkPromise(width: 178_956_971, height: 1, fileBytes: .max)
        }
        assertRefused("nothing in it") {
            try RGBImage.checkPromise(width: -4, height: -4, fileBytes: 10)
        }
    }

    func testAnImageOfOnePixelOrOneRowIsTaken() throws {
        let resizer = CropResizer(.sample(size: [32, 32]))
        for (width, height) in [(1, 1), (60, 1), (1, 60)] {
            let image = try RGBImage(
                width: width, height: height,
                pixels: [UInt8](repeating: 77, count: 3 * width * height))
            XCTAssertEqual(try resizer.crop(image), [UInt8](repeating: 77, count: 32 * 32 * 3))
        }
    }

    private func read(_ samples: [UInt8], _ layout: PixelLayout) throws -> RGBImage {
        try samples.withUnsafeBytes { try RGBImage(samples: $0, layout: layout) }
    }

    private func read(_ luma: [UInt8], _ chroma: [UInt8], _ layout: YUVLayout) throws -> RGBImage {
        try luma.withUnsafeBytes { luma in
            try chroma.withUnsafeBytes { chroma in
                try RGBImage(luma: luma, chroma: chroma, layout: layout)
            }
        }
    }
}

/// That it is refused as an image, in words with these among them.
func assertRefused<T>(
    _ words: String, file: StaticString = #filePath, line: UInt = #line, _ body: () throws -> T
) {
    XCTAssertThrowsError(try body(), file: file, line: line) { error in
        let error = error as? MobileViTError
        XCTAssertEqual(error?.kind, .image, file: file, line: line)
        let message = error?.message ?? ""
        XCTAssertTrue(message.contains(words), message, file: file, line: line)
        XCTAssertFalse(message.hasSuffix("."), message, file: file, line: line)
    }
}
