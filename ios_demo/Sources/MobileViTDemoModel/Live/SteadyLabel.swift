import MobileViTCore

/// Which of a stream of results are worth showing, and which worth saying.
///
/// A label that only one frame has would flicker past: another one is shown when two frames in a row
/// have it, and said when it has stayed a second.
struct SteadyLabel {
    static let stay = Duration.seconds(1)

    private var shown: Int?
    private var candidate: Int?
    private var since: ContinuousClock.Instant?
    private var said: Int?

    /// - Parameter label: the index of a result's likeliest.
    mutating func isShown(_ label: Int, at now: ContinuousClock.Instant) -> Bool {
        if label == shown {
            candidate = nil
            return true
        }
        if shown != nil, label != candidate {
            candidate = label
            return false
        }
        shown = label
        candidate = nil
        since = now
        return true
    }

    /// Whether what is shown is to be said now; true once for each label that stays.
    mutating func isSaid(at now: ContinuousClock.Instant) -> Bool {
        guard let shown, shown != said, let since, now - since >= SteadyLabel.stay else {
            return false
        }
        said = shown
        return true
    }
}
