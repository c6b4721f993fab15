#if canImport(CoreML)
import CoreGraphics
import Foundation
import ImageIO
import MobileViTCore

extension RGBImage {
    /// The pixels of an image, upright: the colours as they are stored, alpha dropped, a colour profile
    /// not applied.
    ///
    /// That is so for gray and for red, green and blue of 8 or 16 bits a channel, which is what Image
    /// I/O makes of JPEG, HEIC and PNG. Other images are drawn in sRGB, 8 bits a channel, with their
    /// profile applied: those of a palette, of CMYK or Lab, of floating point, of 10 bits, masks, and
    /// those whose memory is not the processor's.
    ///
    /// - Parameter orientation: how it is to be turned; a `CGImage` does not know.
    /// - Throws: `MobileViTError` of kind `image`: too many pixels, or it cannot be drawn.
    public init(_ image: CGImage, orientation: CGImagePropertyOrientation = .up) throws {
        try RGBImage.pixelCount(width: image.width, height: image.height)
        let orientation = Int(orientation.rawValue)
        if let layout = image.storedLayout, let samples = image.dataProvider?.data,
            // a provider may hold the file that the image is decoded from
            let needed = layout.leastByteCount, needed <= (samples as Data).count
        {
            self = try (samples as Data).withUnsafeBytes {
                try RGBImage(samples: $0, layout: layout, orientation: orientation)
            }
        } else {
            let drawn = try image.drawn()
            self = try drawn.samples.withUnsafeBytes {
                try RGBImage(samples: $0, layout: drawn.layout, orientation: orientation)
            }
        }
    }
}

extension CGImage {
    /// nil where the samples are not to be read as they are stored.
    fileprivate var storedLayout: PixelLayout? {
        guard !isMask, decode == nil, let model = colorSpace?.model,
            model == .rgb || model == .monochrome
        else { return nil }
        return PixelLayout(
            width: width, height: height, bytesPerRow: bytesPerRow,
            bitsPerComponent: bitsPerComponent, bitsPerPixel: bitsPerPixel,
            bitmapInfo: bitmapInfo.rawValue, monochrome: model == .monochrome)
    }

    /// - Throws: `MobileViTError` of kind `image`: Core Graphics has no room for it.
    fileprivate func drawn() throws -> (samples: [UInt8], layout: PixelLayout) {
        let layout = PixelLayout(
            width: width, height: height, bytesPerRow: 4 * width, channels: .rgba,
            premultiplied: true)
        var samples = [UInt8](repeating: 0, count: 4 * width * height)
        try samples.withUnsafeMutableBytes { buffer in
            guard let space = CGColorSpace(name: CGColorSpace.sRGB),
                let context = CGContext(
                    data: buffer.baseAddress, width: width, height: height, bitsPerComponent: 8,
                    bytesPerRow: layout.bytesPerRow, space: space,
                    bitmapInfo: CGImageAlphaInfo.premultipliedLast.rawValue)
            else {
                throw MobileViTError(
                    .image, "an image of \(width)x\(height) pixels cannot be drawn",
                    hint: "give a smaller image")
            }
            context.setBlendMode(.copy)
            context.draw(self, in: CGRect(x: 0, y: 0, width: width, height: height))
        }
        return (samples, layout)
    }
}
#endif
