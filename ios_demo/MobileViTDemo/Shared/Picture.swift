import CoreGraphics
import Foundation
import MobileViTKit
import SwiftUI

/// The pixels that the model is given. Their colours are those of the file, as the model takes them.
struct Picture: View {
    let image: RGBImage

    var body: some View {
        if let drawn = image.drawn {
            Image(decorative: drawn, scale: 1)
                .resizable()
                .scaledToFit()
        }
    }
}

extension RGBImage {
    /// Nil where the system has no memory for it.
    fileprivate var drawn: CGImage? {
        guard let provider = CGDataProvider(data: Data(pixels) as CFData),
            let space = CGColorSpace(name: CGColorSpace.sRGB)
        else { return nil }
        return CGImage(
            width: width, height: height, bitsPerComponent: 8, bitsPerPixel: 24,
            bytesPerRow: 3 * width, space: space,
            bitmapInfo: CGBitmapInfo(rawValue: CGImageAlphaInfo.none.rawValue), provider: provider,
            decode: nil, shouldInterpolate: true, intent: .defaultIntent)
    }
}
