import Foundation

/// What resizing and cropping needs that depends on the size of an image, and not on its pixels.
final class ResizePlan {
    let width: Int
    let height: Int

    private let columns: Taps
    private let rows: Taps
    private let downFirst: Bool
    /// What the first pass leaves to the second, rounded to 8 bits as Pillow does.
    private var between: [UInt8]
    private var sums: [Int32]

    /// - Throws: `MobileViTError` of kind `image`: so narrow that it would be resized to too many
    ///   pixels.
    init(_ record: Preprocessing, width: Int, height: Int) throws {
        let factor =
            max(
                Double(record.height) / Double(height), Double(record.width) / Double(width)
            ) / record.cropFraction
        let resizedHeight = max(
            Double(record.height), (Double(height) * factor + 0.5).rounded(.down))
        let resizedWidth = max(Double(record.width), (Double(width) * factor + 0.5).rounded(.down))
        guard resizedHeight * resizedWidth <= Double(RGBImage.maxPixels) else {
            throw MobileViTError(
                .image,
                "an image of \(width)x\(height) pixels is too narrow: its shorter side would be "
                    + "enlarged \(String(format: "%.0f", factor)) times",
                hint: "crop it first")
        }
        let (newHeight, newWidth) = (Int(resizedHeight), Int(resizedWidth))
        self.width = width
        self.height = height
        columns = Taps(
            inSide: width, outSide: newWidth, count: record.width,
            interpolation: record.interpolation)
        rows = Taps(
            inSide: height, outSide: newHeight, count: record.height,
            interpolation: record.interpolation)
        // which pass comes first shows in the last bit, and this is when Pillow 13 goes down first
        downFirst = newHeight < height && height - newHeight > 2 * (width - newWidth)
        let rowBytes = 3 * (downFirst ? columns.reach : record.width)
        sums = [Int32](repeating: 0, count: rowBytes)
        between = [UInt8](
            repeating: 0, count: rowBytes * (downFirst ? record.height : rows.reach))
    }

    /// - Parameters:
    ///   - image: `height * width * 3` bytes.
    ///   - crop: where the crop is written.
    func run(_ image: UnsafePointer<UInt8>, _ crop: UnsafeMutablePointer<UInt8>) {
        sums.withUnsafeMutableBufferPointer { sums in
            between.withUnsafeMutableBufferPointer { buffer in
                guard let between = buffer.baseAddress else { return }
                if downFirst {
                    resizeDown(
                        rows, source: image + 3 * columns.lowest, stride: 3 * width, sums: sums,
                        target: between)
                    resizeAcross(
                        columns, source: UnsafePointer(between) - 3 * columns.lowest,
                        stride: sums.count, rows: rows.count, target: crop)
                } else {
                    resizeAcross(
                        columns, source: image + 3 * width * rows.lowest, stride: 3 * width,
                        rows: rows.reach, target: between)
                    resizeDown(
                        rows, source: UnsafePointer(between) - sums.count * rows.lowest,
                        stride: sums.count, sums: sums, target: crop)
                }
            }
        }
    }
}
