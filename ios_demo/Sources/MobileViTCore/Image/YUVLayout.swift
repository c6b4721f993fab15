/// How a frame of YUV 4:2:0 of 8 bits lies in two planes, as a camera's `420f` and `420v` have it: one
/// of luma, and one of half the width and height, rounded up, where U and V take turns.
public struct YUVLayout: Sendable, Equatable {
    /// How luma and chroma were made of red, green and blue.
    public enum Matrix: Sendable, CaseIterable {
        case bt601, bt709
    }

    /// What black and white are: 0 and 255, or 16 and 235.
    public enum LevelRange: Sendable, CaseIterable {
        case full, video
    }

    public let width: Int
    public let height: Int
    /// From the start of one row to that of the next. The last row may end with its last pixel.
    public let lumaBytesPerRow: Int
    public let chromaBytesPerRow: Int
    public let matrix: Matrix
    public let range: LevelRange

    public init(
        width: Int, height: Int, lumaBytesPerRow: Int, chromaBytesPerRow: Int,
        matrix: Matrix = .bt601, range: LevelRange = .full
    ) {
        self.width = width
        self.height = height
        self.lumaBytesPerRow = lumaBytesPerRow
        self.chromaBytesPerRow = chromaBytesPerRow
        self.matrix = matrix
        self.range = range
    }

    /// Of pairs of U and V.
    var chromaWidth: Int { width / 2 + width % 2 }
    private var chromaHeight: Int { height / 2 + height % 2 }

    /// - Throws: `MobileViTError` of kind `image`: no pixels, too many, or more than the planes hold.
    func check(lumaBytes: Int, chromaBytes: Int) throws {
        // which of all the checks are those of an image of one and one of two bytes a pixel
        try PixelLayout(
            width: width, height: height, bytesPerRow: lumaBytesPerRow, channels: .gray
        ).check(byteCount: lumaBytes)
        try PixelLayout(
            width: chromaWidth, height: chromaHeight, bytesPerRow: chromaBytesPerRow,
            channels: .grayAlpha
        ).check(byteCount: chromaBytes)
    }
}
