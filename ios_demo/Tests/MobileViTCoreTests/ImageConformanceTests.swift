import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

/// The bundle's conformance set: stored samples in, the crop out.
final class ImageConformanceTests: XCTestCase {
    private typealias Prepare = (StoredImage, Preprocessing) throws -> [UInt8]

    func testEveryImageIsWithinTheToleranceOfTheSameKernel() throws {
        let failures = try failures { stored, record in
            try CropResizer(record).crop(stored.upright())
        }
        XCTAssertEqual(failures, [:])
    }

    func testSwappedChannelsFail() throws {
        let failures = try failures { stored, record in
            var crop = try CropResizer(record).crop(stored.upright())
            for red in stride(from: 0, to: crop.count, by: 3) { crop.swapAt(red, red + 2) }
            return crop
        }
        XCTAssertNotNil(failures["landscape.png"])
        XCTAssertNil(failures["gray.png"], "gray shows no order of channels")
        XCTAssertGreaterThan(failures.count, 8)
    }

    func testAnIgnoredOrientationFails() throws {
        let failures = try failures { stored, record in
            let image = try stored.samples.withUnsafeBytes {
                try RGBImage(samples: $0, layout: stored.layout)
            }
            return try CropResizer(record).crop(image)
        }
        XCTAssertEqual(
            Set(failures.keys), ["exif-3.jpg", "exif-5.jpg", "exif-6.jpg", "exif-8.jpg"])
    }

    func testAResizeThatDoesNotAverageFails() throws {
        let failures = try failures { stored, record in
            try nearestCrop(stored.upright(), record)
        }
        XCTAssertNotNil(failures["large.jpg"])
        XCTAssertNotNil(failures["landscape.png"])
    }

    func testTheLower8Of16BitsFail() throws {
        let failures = try failures { stored, record in
            let layout = stored.layout
            let other = PixelLayout(
                width: layout.width, height: layout.height, bytesPerRow: layout.bytesPerRow,
                channels: layout.channels, bitsPerChannel: layout.bitsPerChannel,
                bigEndian: !layout.bigEndian)
            let image = try stored.samples.withUnsafeBytes {
                try RGBImage(samples: $0, layout: other, orientation: stored.orientation)
            }
            return try CropResizer(record).crop(image)
        }
        XCTAssertEqual(Set(failures.keys), ["gray-16.png", "rgb-16.png"])
    }

    func testColoursThatWereMultipliedByAlphaFail() throws {
        let failures = try failures { stored, record in
            guard stored.layout.channels == .rgba else {
                return try CropResizer(record).crop(stored.upright())
            }
            var multiplied = stored.samples
            for at in stride(from: 0, to: multiplied.count, by: 4) {
                for channel in at..<at + 3 {
                    let product = Int(multiplied[channel]) * Int(multiplied[at + 3])
                    multiplied[channel] = UInt8((product + 127) / 255)
                }
            }
            let image = try multiplied.withUnsafeBytes {
                try RGBImage(samples: $0, layout: stored.layout)
            }
            return try CropResizer(record).crop(image)
        }
        XCTAssertEqual(Set(failures.keys), ["alpha.png"])
    }

    /// Images, by name, whose pixels are further from the expected ones than the same kernel may be.
    private func failures(_ prepare: Prepare) throws -> [String: String] {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        let images = try DecodedImages()
        var failures: [String: String] = [:]
        for record in bundle.manifest.conformance {
            let stored = try images.stored(bundle.read(record.file, sha256: record.sha256))
            let expected = try images.decode(
                bundle.read(record.pixels, sha256: record.pixelsSha256))
            let crop = try prepare(stored, bundle.manifest.preprocessing)
            XCTAssertEqual(crop.count, expected.pixels.count)
            let differences = zip(crop, expected.pixels).map { abs(Int($0) - Int($1)) }
            let largest = Double(differences.max() ?? 255)
            let mean = Double(differences.reduce(0, +)) / Double(differences.count)
            if largest > record.sameKernel.maxDifference
                || mean > record.sameKernel.meanDifference
            {
                failures[URL(fileURLWithPath: record.file).lastPathComponent] =
                    "by up to \(largest), \(mean) on average"
            }
        }
        XCTAssertGreaterThanOrEqual(bundle.manifest.conformance.count, 15)
        return failures
    }
}

/// Takes the nearest pixel, as a resize without antialiasing does.
private func nearestCrop(_ image: RGBImage, _ record: Preprocessing) throws -> [UInt8] {
    let (h, w) = (Double(image.height), Double(image.width))
    let factor =
        max(Double(record.height) / h, Double(record.width) / w) / record.cropFraction
    var crop: [UInt8] = []
    for row in 0..<record.height {
        for column in 0..<record.width {
            let y = (Double(row) + 0.5 - Double(record.height) / 2) / factor + h / 2
            let x = (Double(column) + 0.5 - Double(record.width) / 2) / factor + w / 2
            let clamped = (
                min(max(Int(y), 0), image.height - 1), min(max(Int(x), 0), image.width - 1)
            )
            let at = 3 * (clamped.0 * image.width + clamped.1)
            crop += image.pixels[at..<at + 3]
        }
    }
    return crop
}
