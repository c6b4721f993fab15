import XCTest

@testable import MobileViTCore

/// The numbers are those of Core Graphics' headers.
final class ImageBitmapInfoTests: XCTestCase {
    private let little32: UInt32 = 2 << 12
    private let big32: UInt32 = 4 << 12
    private let little16: UInt32 = 1 << 12
    private let big16: UInt32 = 3 << 12

    func testWhatDecodersAndContextsMakeIsReadAsStored() {
        // JPEG and HEIC: BGRX; PNG: RGBA, gray; contexts: premultiplied BGRA
        expect(.bgra, bits: 8, pixel: 32, info: 6 | little32)
        expect(.rgba, bits: 8, pixel: 32, info: 5)
        expect(.rgba, bits: 8, pixel: 32, info: 3)
        expect(.rgba, bits: 8, pixel: 32, info: 3 | big32)
        expect(.bgra, bits: 8, pixel: 32, info: 2 | little32, premultiplied: true)
        expect(.rgba, bits: 8, pixel: 32, info: 1 | big32, premultiplied: true)
        expect(.abgr, bits: 8, pixel: 32, info: 1 | little32, premultiplied: true)
        expect(.argb, bits: 8, pixel: 32, info: 4)
        expect(.rgb, bits: 8, pixel: 24, info: 0)
        expect(.gray, bits: 8, pixel: 8, info: 0, monochrome: true)
        expect(.grayAlpha, bits: 8, pixel: 16, info: 3, monochrome: true)
        expect(.gray, bits: 16, pixel: 16, info: little16, monochrome: true)
        expect(.rgb, bits: 16, pixel: 48, info: big16, bigEndian: true)
        expect(.rgba, bits: 16, pixel: 64, info: 5 | little16)
        expect(.rgba, bits: 16, pixel: 64, info: 1 | little16, premultiplied: true)
    }

    func testWhatIsNoPlainOrderOfSamplesIsNot() {
        refuse(bits: 8, pixel: 32, info: 7)  // alpha only
        refuse(bits: 8, pixel: 32, info: 8)  // unknown
        refuse(bits: 8, pixel: 32, info: 0)  // a byte that nothing tells of
        refuse(bits: 8, pixel: 24, info: 5)
        refuse(bits: 8, pixel: 24, info: little32)
        refuse(bits: 8, pixel: 32, info: 5 | little16)  // GRXB
        refuse(bits: 8, pixel: 32, info: 5 << 12)
        refuse(bits: 16, pixel: 64, info: 5)  // whose order?
        refuse(bits: 16, pixel: 64, info: 5 | little32)
        refuse(bits: 16, pixel: 64, info: 1 | little16 | 1 << 8)  // half floats
        refuse(bits: 32, pixel: 128, info: 1 | little32 | 1 << 8)
        refuse(bits: 5, pixel: 16, info: 6 | little16)  // RGB555
        refuse(bits: 8, pixel: 32, info: 6 | little32 | 1 << 16)  // said to be packed
        refuse(bits: 10, pixel: 32, info: 6 | little32 | 3 << 16)  // RGB101010
        refuse(bits: 8, pixel: 16, info: 4, monochrome: true)
        refuse(bits: 1, pixel: 1, info: 0, monochrome: true)
    }

    func testNoValueMakesItCrash() {
        for info in stride(from: UInt32(0), through: 0xf_ffff, by: 17) {
            for (bits, pixel) in [(8, 32), (16, 64), (0, 0), (-8, -32), (Int.max, 24)] {
                for monochrome in [false, true] {
                    let layout = layout(bits, pixel, info, monochrome)
                    if let layout { XCTAssertTrue([8, 16].contains(layout.bitsPerChannel)) }
                }
            }
        }
        XCTAssertNil(layout(8, 32, .max, false))
    }

    private func expect(
        _ channels: PixelLayout.Channels, bits: Int, pixel: Int, info: UInt32,
        monochrome: Bool = false, premultiplied: Bool = false, bigEndian: Bool = false,
        line: UInt = #line
    ) {
        let expected = PixelLayout(
            width: 10, height: 20, bytesPerRow: 100, channels: channels, bitsPerChannel: bits,
            bigEndian: bigEndian, premultiplied: premultiplied)
        XCTAssertEqual(layout(bits, pixel, info, monochrome), expected, line: line)
    }

    private func refuse(
        bits: Int, pixel: Int, info: UInt32, monochrome: Bool = false, line: UInt = #line
    ) {
        XCTAssertNil(layout(bits, pixel, info, monochrome), line: line)
    }

    private func layout(
        _ bits: Int, _ pixel: Int, _ info: UInt32, _ monochrome: Bool
    ) -> PixelLayout? {
        PixelLayout(
            width: 10, height: 20, bytesPerRow: 100, bitsPerComponent: bits, bitsPerPixel: pixel,
            bitmapInfo: info, monochrome: monochrome)
    }
}
