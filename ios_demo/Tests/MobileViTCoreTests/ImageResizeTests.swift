import MobileViTFixtures
import XCTest

@testable import MobileViTCore

final class ImageResizeTests: XCTestCase {
    func testResizesAndCropsToTheBytesThatPillowGives() throws {
        let samples = try ResizeSample.resized()
        for (image, record, pixels) in samples {
            XCTAssertEqual(
                try CropResizer(record).crop(image), pixels,
                "\(image.width)x\(image.height) by \(record)")
        }
        XCTAssertGreaterThanOrEqual(samples.count, 300)
    }

    func testAnotherKernelOrFractionDoesNotPassForTheRightOne() throws {
        let samples = try ResizeSample.resized().filter { $0.image.width > 100 }.prefix(20)
        XCTAssertEqual(samples.count, 20)
        for (image, record, pixels) in samples {
            let other = Preprocessing.sample(
                size: record.imageSize, cropFraction: record.cropFraction,
                interpolation: record.interpolation == .bilinear ? .bicubic : .bilinear)
            XCTAssertNotEqual(try CropResizer(other).crop(image), pixels)
            let wider = Preprocessing.sample(
                size: record.imageSize, cropFraction: record.cropFraction * 0.9,
                interpolation: record.interpolation)
            XCTAssertNotEqual(try CropResizer(wider).crop(image), pixels)
        }
    }

    func testOneResizerTakesImagesOfChangingSizes() throws {
        let samples = try ResizeSample.resized().prefix(20).map(\.image)
        let record = Preprocessing.sample(size: [64, 48])
        let resizer = CropResizer(record)
        for image in samples + samples {
            let alone = try CropResizer(record).crop(image)
            XCTAssertEqual(try resizer.crop(image), alone)
            XCTAssertEqual(try resizer.crop(image), alone, "a second time")
        }
    }

    func testRefusesWhatIsTooNarrowInTheWordsOfPython() throws {
        var refusals = 0
        for sample in try ResizeSample.corpus() {
            guard case .refused(let record, let message) = sample.expected else { continue }
            let resizer = CropResizer(record)
            XCTAssertThrowsError(try resizer.crop(sample.image)) { error in
                XCTAssertEqual((error as? MobileViTError)?.message, message)
                XCTAssertEqual((error as? MobileViTError)?.kind, .image)
            }
            // and takes the next one
            let good = try RGBImage(
                width: 40, height: 40, pixels: [UInt8](repeating: 7, count: 4800))
            XCTAssertEqual(Set(try resizer.crop(good)), [7])
            refusals += 1
        }
        XCTAssertEqual(refusals, 3)
    }

    func testTurnsImagesAsPillowTurnsThem() throws {
        var seen: Set<Int> = []
        for sample in try ResizeSample.corpus() {
            guard case .turned(let orientation, let upright) = sample.expected else { continue }
            XCTAssertEqual(
                sample.image.upright(orientation: orientation), upright, "\(sample)")
            seen.insert(orientation)
        }
        XCTAssertEqual(seen, Set(0...9))
    }

    func testTheOrientationsThatUndoEachOtherDo() throws {
        var random = SeededGenerator(seed: 8)
        let image = try RGBImage.noise(width: 7, height: 5, using: &random)
        let inverses = [1, 2, 3, 4, 5, 8, 7, 6]
        for (orientation, inverse) in zip(1...8, inverses) {
            let turned = image.upright(orientation: orientation)
            XCTAssertEqual(turned.upright(orientation: inverse), image)
            if orientation > 1 { XCTAssertNotEqual(turned, image) }
        }
        for none in [-1, 0, 9, .max, .min] {
            XCTAssertEqual(image.upright(orientation: none), image)
        }
    }
}

extension RGBImage {
    static func noise(
        width: Int, height: Int, using random: inout some RandomNumberGenerator
    ) throws -> RGBImage {
        try RGBImage(
            width: width, height: height,
            pixels: (0..<3 * width * height).map { _ in .random(in: 0...255, using: &random) })
    }
}
