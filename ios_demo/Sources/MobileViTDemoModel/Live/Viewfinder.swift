import Foundation

/// Pixels of an upright picture.
public struct PixelSize: Sendable, Equatable {
    public let width: Int
    public let height: Int

    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }
}

/// Where the camera's picture lies in a view, and in it the square that the model looks at.
public struct Viewfinder: Sendable, Equatable {
    /// Of the whole picture, in points: at least as large as the view where the square allows it. It
    /// lies in the middle, and what juts out is cut off.
    public let picture: CGSize
    /// Side of the square in the middle, in points.
    public let side: CGFloat

    /// - Parameters:
    ///   - view: in points.
    ///   - frame: upright.
    ///   - cropFraction: share of the frame's shorter side that the model sees.
    public init(view: CGSize, frame: PixelSize, cropFraction: Double) {
        let (width, height) = (CGFloat(max(frame.width, 1)), CGFloat(max(frame.height, 1)))
        let square = min(width, height) * CGFloat(cropFraction)
        let filling = max(view.width / width, view.height / height)
        // what the model sees is never cut off
        let scale = min(filling, min(view.width, view.height) / max(square, 1))
        picture = CGSize(width: width * scale, height: height * scale)
        side = square * scale
    }
}

/// How the screen is held; `landscapeRight` has its top at the left, as UIKit says it.
public enum ScreenOrientation: Sendable, Equatable, CaseIterable {
    case portrait, portraitUpsideDown, landscapeLeft, landscapeRight

    /// Degrees clockwise that make a camera's picture upright.
    public func rotation(frontCamera: Bool) -> Int {
        switch self {
        case .portrait: 90
        case .portraitUpsideDown: 270
        // the sensors lie in the phone as if it were held so, the front one turned around
        case .landscapeRight: frontCamera ? 180 : 0
        case .landscapeLeft: frontCamera ? 0 : 180
        }
    }
}
