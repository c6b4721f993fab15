import MobileViTCore

/// What the photo screen shows.
public struct PhotoState: Sendable, Equatable {
    public enum Scene: Sendable, Equatable {
        /// No photo is chosen yet.
        case empty
        case looking
        case named(ResultCard)
        case failed(Problem)
    }

    public internal(set) var scene = Scene.empty
    /// The chosen photo, upright; nil: there is none, or it is not read.
    public internal(set) var picture: RGBImage?

    /// Of the button that opens the picker.
    public var choice: String {
        scene == .empty ? WayOut.choosePhoto.title : "Another photo"
    }

    /// What there is to say before a photo is chosen.
    public static let invitation =
        "Choose a photo to see what is in it. It is looked at on this phone and kept nowhere."
}
