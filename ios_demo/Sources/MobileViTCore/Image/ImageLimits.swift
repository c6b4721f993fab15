extension RGBImage {
    /// Most pixels of an image, before and after resizing; where Pillow refuses.
    public static let maxPixels = 178_956_970

    // A file of a few bytes can promise an image that takes a minute to decode. Larger ones than
    // this must have some bytes to show for it, by the same numbers as in mobilevit/images.py.
    private static let large = 1 << 24
    private static let pixelsPerByte = 400

    /// Refuses what a file's header promises, before it is decoded.
    ///
    /// - Throws: `MobileViTError` of kind `image`: no pixels, more than `maxPixels`, or more than so
    ///   few bytes can hold.
    public static func checkPromise(width: Int, height: Int, fileBytes: Int) throws {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        let held = fileBytes.multipliedReportingOverflow(by: pixelsPerByte)
        let most = held.overflow ? .max : max(large, held.partialValue)
        if width > 0, height > 0, overflow || pixels > most {
            throw MobileViTError(
                .image,
                "the image is \(width)x\(height) pixels in \(fileBytes) bytes, as no photo is",
                hint: "give a smaller image")
        }
        try pixelCount(width: width, height: height)
    }

    /// The number of pixels.
    ///
    /// - Throws: `MobileViTError` of kind `image`: none, or more than `maxPixels`.
    @discardableResult
    public static func pixelCount(width: Int, height: Int) throws -> Int {
        guard width > 0, height > 0 else {
            throw MobileViTError(
                .image, "an image of \(width)x\(height) pixels has nothing in it")
        }
        let (count, overflow) = width.multipliedReportingOverflow(by: height)
        guard !overflow, count <= maxPixels else {
            throw MobileViTError(
                .image,
                "the image is \(width)x\(height) pixels, more than \(maxPixels / 1_000_000) million",
                hint: "give a smaller image")
        }
        return count
    }
}
