import MobileViTCore

/// What the self-test's screen shows.
public struct SelfTestState: Sendable, Equatable {
    /// Whether this phone computes what the training computed.
    public struct Verdict: Sendable, Equatable {
        public let tone: Tone
        public let title: String
        public let text: String
        /// Of the button; nil while it runs.
        public let action: String?
    }

    /// One golden image.
    public struct Golden: Sendable, Equatable, Identifiable {
        public let file: String
        /// The one that the reference gave.
        public let label: String
        public let text: String
        public let isGood: Bool
        /// A small one; nil: not read yet, or it is not as it was exported, which the verdict says.
        public internal(set) var picture: RGBImage?

        public var id: String { file }
    }

    public internal(set) var verdict: Verdict
    /// Empty until the test is done.
    public internal(set) var golden: [Golden] = []
    /// On preparing pictures; nil until the test is done.
    public internal(set) var pixels: String?
    /// What runs here; empty until the model is open.
    public internal(set) var facts: [Fact] = []

    /// What the golden images are.
    public static let goldenExplanation =
        "With the label that the training’s model gives, right or wrong: this compares computing, "
        + "not knowing."
    public static let privacy =
        "Everything runs on this phone. The app sends nothing and keeps no pictures."
}
