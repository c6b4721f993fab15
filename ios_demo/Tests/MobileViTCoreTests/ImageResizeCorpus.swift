import Foundation
import MobileViTFixtures

@testable import MobileViTCore

/// What Pillow makes of an image, as `tests/clients/resize_corpus.py` writes it.
struct ResizeSample: CustomStringConvertible {
    enum Expected {
        case resized(Preprocessing, [UInt8])
        case refused(Preprocessing, String)
        case turned(orientation: Int, RGBImage)
    }

    let image: RGBImage
    let expected: Expected

    var description: String {
        let size = "\(image.width)x\(image.height)"
        switch expected {
        case .resized(let record, _), .refused(let record, _): return "\(size) by \(record)"
        case .turned(let orientation, _): return "\(size) of orientation \(orientation)"
        }
    }

    static func corpus() throws -> [ResizeSample] {
        var reader = Reader(bytes: [UInt8](try Data(contentsOf: Inputs.corpus("resizes.bin"))))
        var samples: [ResizeSample] = []
        while !reader.atEnd { samples.append(try reader.sample()) }
        return samples
    }

    /// The images that are resized, not refused or turned.
    static func resized() throws -> [(image: RGBImage, record: Preprocessing, pixels: [UInt8])] {
        try corpus().compactMap { sample in
            guard case .resized(let record, let pixels) = sample.expected else { return nil }
            return (sample.image, record, pixels)
        }
    }
}

/// Of numbers in network byte order.
private struct Reader {
    let bytes: [UInt8]
    var at = 0

    struct Unknown: Error {
        let kind: UInt8
    }

    var atEnd: Bool { at == bytes.count }

    mutating func sample() throws -> ResizeSample {
        let kind = integer(UInt8.self)
        let image = try image()
        switch kind {
        case 0:
            let record = record()
            let count = record.height * record.width * 3
            return ResizeSample(image: image, expected: .resized(record, take(count)))
        case 1:
            let record = record()
            let reason = take(Int(integer(UInt16.self)))
            return ResizeSample(
                image: image, expected: .refused(record, String(decoding: reason, as: UTF8.self)))
        case 2:
            let orientation = Int(integer(UInt8.self))
            return try ResizeSample(
                image: image, expected: .turned(orientation: orientation, self.image()))
        default: throw Unknown(kind: kind)
        }
    }

    private mutating func record() -> Preprocessing {
        let size = [Int(integer(UInt32.self)), Int(integer(UInt32.self))]
        let fraction = Double(bitPattern: integer(UInt64.self))
        return .sample(
            size: size, cropFraction: fraction,
            interpolation: integer(UInt8.self) == 0 ? .bilinear : .bicubic)
    }

    private mutating func image() throws -> RGBImage {
        let (width, height) = (Int(integer(UInt32.self)), Int(integer(UInt32.self)))
        return try RGBImage(width: width, height: height, pixels: take(width * height * 3))
    }

    private mutating func integer<T: FixedWidthInteger>(_: T.Type) -> T {
        take(T.bitWidth / 8).reduce(0) { $0 << 8 | T($1) }
    }

    private mutating func take(_ count: Int) -> [UInt8] {
        defer { at += count }
        return [UInt8](bytes[at..<at + count])
    }
}

extension Preprocessing {
    static func sample(
        size: [Int] = [128, 128], cropFraction: Double = 0.9,
        interpolation: Interpolation = .bilinear
    ) -> Preprocessing {
        Preprocessing(imageSize: size, cropFraction: cropFraction, interpolation: interpolation)
    }
}
