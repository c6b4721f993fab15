import Foundation

/// Pixels in the layout and type that an artifact's input takes, in a buffer that is used again.
struct InputFeed {
    /// One image, in C order.
    private(set) var bytes: Data
    private let area: Int
    private let isPlanar: Bool
    private let isFloat: Bool

    /// - Parameter artifact: its file, in messages.
    /// - Throws: `MobileViTError` of kind `bundle`: the input takes no RGB image of the crop's size as
    ///   uint8 or float32.
    init(_ input: TensorRecord, of artifact: String, crop: Preprocessing) throws {
        let sides = Array(input.shape.dropFirst())
        let dtype = DType(rawValue: input.dtype)
        isPlanar = sides == [3, crop.height, crop.width]
        isFloat = dtype == .float32
        area = crop.height * crop.width
        guard input.shape.first == 1 || input.shape.first == -1,
            isPlanar || sides == [crop.height, crop.width, 3], isFloat || dtype == .uint8
        else {
            throw MobileViTError(
                .bundle,
                "`\(artifact)` takes \(input.dtype) \(input.shape), which this version of "
                    + "the library does not feed",
                hint: "update the library, or choose another artifact")
        }
        bytes = Data(count: 3 * area * (isFloat ? 4 : 1))
    }

    /// - Parameter pixels: uint8 `height * width * 3`, RGB, row by row.
    mutating func fill(_ pixels: [UInt8]) {
        precondition(pixels.count == 3 * area, "\(pixels.count) bytes for \(area) pixels")
        let (area, isPlanar, isFloat) = (area, isPlanar, isFloat)
        bytes.withUnsafeMutableBytes { target in
            pixels.withUnsafeBytes { source in
                switch (isPlanar, isFloat) {
                case (false, false): target.copyMemory(from: source)
                case (false, true):
                    for i in 0..<3 * area { target.store(source[i], asFloat: i) }
                case (true, false):
                    for i in 0..<area {
                        for channel in 0..<3 {
                            target[channel * area + i] = source[3 * i + channel]
                        }
                    }
                case (true, true):
                    for i in 0..<area {
                        for channel in 0..<3 {
                            target.store(source[3 * i + channel], asFloat: channel * area + i)
                        }
                    }
                }
            }
        }
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func store(_ level: UInt8, asFloat index: Int) {
        storeBytes(of: Float(level), toByteOffset: 4 * index, as: Float.self)
    }
}
