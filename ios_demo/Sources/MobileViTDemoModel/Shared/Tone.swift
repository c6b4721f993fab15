/// How what is said is meant: a view has a colour and an icon for each.
public enum Tone: Sendable, Equatable {
    case neutral, good, caution, bad
}
