/// An image of 8 bits a channel.
public struct RGBImage: Sendable, Equatable {
    public private(set) var width: Int
    public private(set) var height: Int
    /// `height * width * 3` bytes, row by row, red first.
    public private(set) var pixels: [UInt8]

    /// - Throws: `MobileViTError` of kind `image`: no pixels, too many, or not so many bytes.
    public init(width: Int, height: Int, pixels: [UInt8]) throws {
        let count = try RGBImage.pixelCount(width: width, height: height)
        guard pixels.count == 3 * count else {
            throw MobileViTError(
                .image, "\(pixels.count) bytes are not an RGB image of \(width)x\(height) pixels")
        }
        self.init(unchecked: pixels, width: width, height: height)
    }

    /// What the caller knows to be an image.
    init(unchecked pixels: [UInt8], width: Int, height: Int) {
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// Becomes another image, in the same memory where that is of the right size and nobody else's.
    ///
    /// - Parameters:
    ///   - width: of the new image. There are at most `maxPixels`.
    ///   - fill: writes all `height * width * 3` bytes.
    mutating func refill(width: Int, height: Int, fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        let count = 3 * width * height
        if pixels.count == count {
            self.width = width
            self.height = height
            pixels.withUnsafeMutableBufferPointer { $0.baseAddress.map(fill) }
        } else {
            self = RGBImage(width: width, height: height, fill: fill)
        }
    }

    init(width: Int, height: Int, fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        let count = 3 * width * height
        let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            guard let start = buffer.baseAddress else { return }
            fill(start)
            filled = count
        }
        self.init(unchecked: pixels, width: width, height: height)
    }
}
