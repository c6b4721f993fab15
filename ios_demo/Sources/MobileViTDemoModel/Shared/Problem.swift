import MobileViTCore

/// What a person is told went wrong, and the way out.
public struct Problem: Sendable, Equatable {
    public let title: String
    public let text: String
    /// Nil where nothing can be done on this screen.
    public let wayOut: WayOut?
    /// What it is about: a view has an icon for each.
    public let subject: Subject

    public enum Subject: Sendable, Equatable {
        case camera, model, photo
    }
}

/// What a person can do about a `Problem`.
public enum WayOut: Sendable, Equatable {
    case openSettings, reopenCamera, reopenModel, choosePhoto

    /// Of the button.
    public var title: String {
        switch self {
        case .openSettings: "Open settings"
        case .reopenCamera, .reopenModel: "Try again"
        case .choosePhoto: "Choose a photo"
        }
    }
}

extension Problem {
    static func modelFailed(_ cause: MobileViTError) -> Problem {
        Problem(
            title: "The model cannot be opened", text: cause.sentences, wayOut: .reopenModel,
            subject: .model)
    }

    static func modelStopped(_ cause: MobileViTError) -> Problem {
        Problem(
            title: "The model stopped", text: cause.sentences, wayOut: .reopenModel,
            subject: .model)
    }

    /// Another photo is always offered, so there is no way out of its own.
    static func photoFailed(_ cause: MobileViTError) -> Problem {
        Problem(
            title: "This photo cannot be used", text: cause.sentences, wayOut: nil,
            subject: .photo)
    }
}

extension MobileViTError {
    /// The cause as a sentence, and the hint as another.
    var sentences: String {
        let cause = message.prefix(1).uppercased() + message.dropFirst() + "."
        guard let hint else { return cause }
        return "\(cause)\n\nWhat helps: \(hint)."
    }
}

/// What the library throws on purpose as it is; of anything else what the system says, so that a
/// screen never waits for an answer that was lost.
func told(_ error: any Error) -> MobileViTError {
    error as? MobileViTError
        ?? MobileViTError(.refused, "the system failed: \(error.localizedDescription)")
}
