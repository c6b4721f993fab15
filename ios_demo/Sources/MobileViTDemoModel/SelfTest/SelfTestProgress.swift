import MobileViTCore

/// What is known of how well this phone computes.
enum SelfTestProgress: Equatable {
    case notRun
    /// An earlier start of this app found, with this bundle, that all is well.
    case passedBefore
    case running
    /// `isRead`: a person has seen the details.
    case done(SelfTestResult, isRead: Bool)
    case failed(MobileViTError)

    /// While it is news or a warning.
    var notice: Notice? {
        switch self {
        case .notRun, .passedBefore: nil
        case .running: Notice(text: "Checking this phone…", tone: .neutral)
        case .done(let result, _) where !result.passed:
            Notice(text: "This phone computes wrong. Do not rely on its labels.", tone: .bad)
        case .done(_, let isRead):
            isRead ? nil : Notice(text: SelfTestWords.passed, tone: .good)
        case .failed: Notice(text: SelfTestWords.didNotRun, tone: .caution)
        }
    }
}
