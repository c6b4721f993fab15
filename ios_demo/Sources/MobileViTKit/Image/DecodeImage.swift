#if canImport(CoreML)
import CoreGraphics
import Foundation
import ImageIO
import MobileViTCore

/// The bytes of an image file, made an upright image by step 1 of preprocessing, as far as Image I/O
/// goes: see `RGBImage.init(_:orientation:)` for the images whose colour profile it applies.
///
/// An image of more than 67 million pixels is decoded at a half, a quarter or an eighth of its size.
///
/// - Throws: `MobileViTError` of kind `image`: empty, no image, cut off or damaged, or too large.
public func decodeImage(_ file: Data) throws -> RGBImage {
    try ImageFile.checkWhole(file)
    guard let source = CGImageSourceCreateWithData(file as CFData, nil),
        CGImageSourceGetCount(source) > 0
    else {
        throw MobileViTError(
            .image, "this is not an image that can be read here",
            hint: "choose a JPEG, HEIC or PNG file")
    }
    let index = CGImageSourceGetPrimaryImageIndex(source)
    let properties = CGImageSourceCopyPropertiesAtIndex(source, index, nil) as? [CFString: Any]
    guard let properties, let width = properties[kCGImagePropertyPixelWidth] as? Int,
        let height = properties[kCGImagePropertyPixelHeight] as? Int
    else { throw ImageFile.damaged("it does not tell its size") }
    try RGBImage.checkPromise(width: width, height: height, fileBytes: file.count)

    var options: [CFString: Any] = [kCGImageSourceShouldCache: false]  // the samples are read once
    let factor = ImageFile.subsampling(width: width, height: height)
    if factor > 1 { options[kCGImageSourceSubsampleFactor] = factor }
    guard let image = CGImageSourceCreateImageAtIndex(source, index, options as CFDictionary) else {
        throw ImageFile.damaged("its pixels are not those of an image")
    }
    let orientation = (properties[kCGImagePropertyOrientation] as? UInt32)
        .flatMap(CGImagePropertyOrientation.init(rawValue:))
    let upright = try RGBImage(image, orientation: orientation ?? .up)
    // only now, as it is decoded when the samples are asked for
    try checkStatus(of: source, at: index)
    return upright
}

/// Image I/O gives an image of what there is of a file, and tells here that there should be more.
private func checkStatus(of source: CGImageSource, at index: Int) throws {
    switch CGImageSourceGetStatusAtIndex(source, index) {
    case .statusIncomplete, .statusUnexpectedEOF, .statusReadingHeader:
        throw ImageFile.damaged("it is cut off")
    case .statusInvalidData:
        throw ImageFile.damaged("its pixels are not those of an image")
    case .statusComplete, .statusUnknownType: break  // the latter: there is an image all the same
    @unknown default: break
    }
}
#endif
