/// A line on the live screen that leads to the self-test.
public struct Notice: Sendable, Equatable {
    public let text: String
    public let tone: Tone
}
