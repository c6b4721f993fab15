import Foundation
import MobileViTFixtures
import XCTest

@testable import MobileViTCore

final class ImageFileTests: XCTestCase {
    func testWholeFilesPassAndThoseCutOffDoNot() throws {
        for name in ["large.jpg", "exif-6.jpg", "alpha.png", "rgb-16.png"] {
            let file = try conformanceFile(name)
            try ImageFile.checkWhole(file)
            try ImageFile.checkWhole(file + Data(repeating: 0, count: 999))  // what cameras append
            var cut = [1, 2, 5, 11, 50, file.count / 2]
            cut = name.hasSuffix("png") ? cut.filter { $0 > 4 } : cut
            for missing in cut {
                assertRefused("the image cannot be decoded: it is cut off") {
                    try ImageFile.checkWhole(file.dropLast(missing))
                }
            }
        }
    }

    func testTheEndOfAThumbnailIsNotThatOfThePhoto() throws {
        let photo = try conformanceFile("large.jpg")
        let half = photo[..<(photo.count / 2)]
        // an APP1 segment with the whole photo's end in it, after SOI
        let segment = Data([0xff, 0xe1, 0x00, 0x06, 0x00, 0x00, 0xff, 0xd9])
        assertRefused("cut off") {
            try ImageFile.checkWhole(half.prefix(2) + segment + half.dropFirst(2))
        }
        try ImageFile.checkWhole(photo.prefix(2) + segment + photo.dropFirst(2))
    }

    func testAnyBytesAreAnswered() throws {
        assertRefused("the image is empty") { try ImageFile.checkWhole(Data()) }
        try ImageFile.checkWhole(Data("GIF89a".utf8))  // left to the decoder
        var random = SeededGenerator(seed: 3)
        for name in ["exif-6.jpg", "alpha.png"] {
            let file = try conformanceFile(name)
            for _ in 0..<2000 {
                var damaged = Data(file.prefix(.random(in: 1...file.count, using: &random)))
                for _ in 0..<Int.random(in: 0...8, using: &random) {
                    damaged[.random(in: 0..<damaged.count, using: &random)] =
                        .random(in: 0...255, using: &random)
                }
                do {
                    try ImageFile.checkWhole(damaged)
                } catch let error as MobileViTError {
                    XCTAssertEqual(error.kind, .image)
                }
            }
        }
    }

    func testOnlyWhatMemoryDoesNotHoldIsDecodedSmaller() {
        func factor(_ width: Int, _ height: Int) -> Int {
            ImageFile.subsampling(width: width, height: height)
        }
        XCTAssertEqual(factor(1, 1), 1)
        XCTAssertEqual(factor(8064, 6048), 1)  // 48 million
        XCTAssertEqual(factor(8192, 8192), 1)
        XCTAssertEqual(factor(8193, 8192), 2)
        XCTAssertEqual(factor(13_376, 13_376), 2)
        XCTAssertEqual(factor(60_000, 2900), 1, "a panorama would be left with too few rows")
        XCTAssertEqual(factor(40_000, 40_000), 8, "more than is ever decoded")
        XCTAssertEqual(factor(.max, .max), 8)
        XCTAssertEqual(factor(-1, -1), 1)
    }

    private func conformanceFile(_ name: String) throws -> Data {
        try Data(
            contentsOf: Inputs.bundle().appendingPathComponent("golden/preprocessing/\(name)"))
    }
}
