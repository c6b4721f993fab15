import Foundation
import MobileViTCore

/// A photo for the model, and as large as a screen is for the eye.
struct Photo: Sendable {
    let image: RGBImage
    let shown: RGBImage

    // pixels of the longer side; more than phones show
    private static let shownSide = 1600
    // bytes; more than any camera's photo, and what a phone still reads without harm
    static let most = 256 << 20

    /// Reads a file, off the main thread.
    ///
    /// - Throws: `MobileViTError` of kind `image`: it is gone, no image, damaged, or too large;
    ///   `CancellationError`.
    static func read(
        _ file: URL, decode: @Sendable (Data) throws -> RGBImage
    ) async throws -> Photo {
        let image = try decode(bytes(of: file))
        try Task.checkCancellation()
        return Photo(image: image, shown: image.shrunk(toSide: shownSide))
    }

    private static func bytes(of file: URL) throws -> Data {
        do {
            let size = try file.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
            guard size <= most else {
                throw MobileViTError(
                    .image, "the photo is a file of \(size >> 20) MB, more than \(most >> 20) MB",
                    hint: "choose a smaller one")
            }
            return try Data(contentsOf: file, options: .mappedIfSafe)
        } catch let error as CocoaError {
            throw MobileViTError(
                .image, "the photo cannot be read: \(error.localizedDescription)",
                hint: "choose it once more")
        }
    }
}
