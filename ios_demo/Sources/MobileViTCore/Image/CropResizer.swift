/// Steps 2 and 3 of preprocessing, to the very bytes that `Image.resize` and `crop` of Pillow 13
/// give. Only what the crop needs is computed, and nothing but the crop is allocated for an image that
/// has the size of the one before. Belongs to one task at a time.
public final class CropResizer {
    public let preprocessing: Preprocessing
    /// Of a crop: `height * width * 3`.
    public let byteCount: Int

    private var plan: ResizePlan?

    public init(_ preprocessing: Preprocessing) {
        self.preprocessing = preprocessing
        byteCount = preprocessing.height * preprocessing.width * 3
    }

    /// - Returns: the crop, `height * width * 3` bytes, RGB, row by row.
    /// - Throws: `MobileViTError` of kind `image`: so narrow that it would be resized to too many
    ///   pixels.
    public func crop(_ image: RGBImage) throws -> [UInt8] {
        let plan: ResizePlan
        if let last = self.plan, last.width == image.width, last.height == image.height {
            plan = last
        } else {
            self.plan = nil  // its memory goes before the new one's comes
            plan = try ResizePlan(preprocessing, width: image.width, height: image.height)
            self.plan = plan
        }
        return [UInt8](unsafeUninitializedCapacity: byteCount) { crop, filled in
            image.pixels.withUnsafeBufferPointer { pixels in
                guard let source = pixels.baseAddress, let target = crop.baseAddress else { return }
                plan.run(source, target)
                filled = byteCount
            }
        }
    }
}
