import Foundation

/// What the live screen shows.
public struct LiveState: Sendable, Equatable {
    public enum Scene: Sendable, Equatable {
        /// The model or the camera opens, or the system asks for the permission.
        case starting
        case watching(ResultCard)
        case blocked(Problem)
    }

    public internal(set) var scene = Scene.starting
    /// What the self-test found, while it is news or a warning.
    public internal(set) var notice: Notice?
    public internal(set) var warmth = Warmth.cool
    /// Of the frames that are classified; nil before the first.
    public internal(set) var frame: PixelSize?
    /// Share of a frame's shorter side that the model sees.
    public internal(set) var cropFraction = 1.0

    /// Whether there is a picture worth showing.
    public var isSeeing: Bool {
        if case .blocked = scene { false } else { true }
    }

    /// Where the picture lies in a view of this size; before the first frame it fills the view.
    public func viewfinder(in view: CGSize) -> Viewfinder {
        Viewfinder(
            view: view, frame: frame ?? PixelSize(width: Int(view.width), height: Int(view.height)),
            cropFraction: cropFraction)
    }
}
