#if canImport(CoreML)
import CoreVideo
import ImageIO
import MobileViTCore

extension RGBImage {
    /// The pixels of a camera's frame, upright.
    ///
    /// - Parameters:
    ///   - buffer: of `32BGRA`, or of `420f` or `420v`, which is converted by BT.601 unless its
    ///     attachment names BT.709. A colour profile is not applied.
    ///   - orientation: how it is to be turned; a buffer does not know.
    /// - Throws: `MobileViTError` of kind `image`: of another format or matrix, too many pixels, or its
    ///   memory cannot be read.
    public init(
        _ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up
    ) throws {
        try self.init(width: 1, height: 1, pixels: [0, 0, 0])  // until it is read
        try read(buffer, orientation: orientation)
    }

    /// Becomes the image that `init` makes of the frame, without allocating where the frame before was
    /// of the same size.
    public mutating func read(
        _ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up
    ) throws {
        guard CVPixelBufferLockBaseAddress(buffer, .readOnly) == kCVReturnSuccess else {
            throw MobileViTError(.image, "the memory of a frame cannot be read")
        }
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        let orientation = Int(orientation.rawValue)
        switch CVPixelBufferGetPixelFormatType(buffer) {
        case kCVPixelFormatType_32BGRA:
            let layout = PixelLayout(
                width: CVPixelBufferGetWidth(buffer), height: CVPixelBufferGetHeight(buffer),
                bytesPerRow: CVPixelBufferGetBytesPerRow(buffer), channels: .bgra)
            try read(samples: buffer.samples, layout: layout, orientation: orientation)
        case kCVPixelFormatType_420YpCbCr8BiPlanarFullRange:
            try read(planesOf: buffer, range: .full, orientation: orientation)
        case kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange:
            try read(planesOf: buffer, range: .video, orientation: orientation)
        case let format:
            throw MobileViTError(
                .image, "a frame of format \(name(of: format)) is not one that is read here",
                hint: "ask the camera for 420f or 32BGRA")
        }
    }

    private mutating func read(
        planesOf buffer: CVPixelBuffer, range: YUVLayout.LevelRange, orientation: Int
    ) throws {
        let layout = YUVLayout(
            width: CVPixelBufferGetWidth(buffer), height: CVPixelBufferGetHeight(buffer),
            lumaBytesPerRow: CVPixelBufferGetBytesPerRowOfPlane(buffer, 0),
            chromaBytesPerRow: CVPixelBufferGetBytesPerRowOfPlane(buffer, 1),
            matrix: try buffer.matrix(), range: range)
        try read(
            luma: buffer.plane(0), chroma: buffer.plane(1), layout: layout,
            orientation: orientation)
    }
}

// of a buffer that is locked
extension CVPixelBuffer {
    fileprivate var samples: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: CVPixelBufferGetBaseAddress(self),
            count: CVPixelBufferGetBytesPerRow(self) * CVPixelBufferGetHeight(self))
    }

    fileprivate func plane(_ index: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: CVPixelBufferGetBaseAddressOfPlane(self, index),
            count: CVPixelBufferGetBytesPerRowOfPlane(self, index)
                * CVPixelBufferGetHeightOfPlane(self, index))
    }

    /// - Throws: `MobileViTError` of kind `image`: of high dynamic range, or of old television.
    fileprivate func matrix() throws -> YUVLayout.Matrix {
        guard let attached = CVBufferCopyAttachment(self, kCVImageBufferYCbCrMatrixKey, nil) else {
            return .bt601
        }
        let matrices: [String: YUVLayout.Matrix] = [
            kCVImageBufferYCbCrMatrix_ITU_R_601_4 as String: .bt601,
            kCVImageBufferYCbCrMatrix_ITU_R_709_2 as String: .bt709,
        ]
        guard let matrix = (attached as? String).flatMap({ matrices[$0] }) else {
            throw MobileViTError(
                .image, "a frame of the YCbCr matrix \(attached) is not one that is read here",
                hint: "ask the camera for 32BGRA")
        }
        return matrix
    }
}

/// The four letters of a pixel format, or its number.
private func name(of format: OSType) -> String {
    let letters = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: format >> $0) }
    let printable = letters.allSatisfy { (0x20...0x7e).contains($0) }
    return printable ? String(decoding: letters, as: UTF8.self) : "\(format)"
}
#endif
