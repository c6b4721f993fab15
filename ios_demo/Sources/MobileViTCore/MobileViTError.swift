import Foundation

/// What this library throws on purpose.
///
/// `message` names the cause and the offending thing in a sentence without its full stop; `hint` is
/// the way out, where there is one. What is cancelled throws `CancellationError` besides.
public struct MobileViTError: Error, Sendable, Equatable {
    public enum Kind: Sendable {
        /// There is no bundle, one of a newer schema, or one that is not as it was exported.
        case bundle
        /// What was given is not an image, is damaged, or is too large.
        case image
        /// A runtime, or the compute units asked of it, does not open or run an artifact.
        case refused
        /// An option or a plan that asks for what cannot be.
        case input
        /// A file cannot be written: the disk is full, or it may not be.
        case storage
    }

    public let kind: Kind
    public let message: String
    public let hint: String?

    public init(_ kind: Kind, _ message: String, hint: String? = nil) {
        self.kind = kind
        self.message = message
        self.hint = hint
    }
}

extension MobileViTError: LocalizedError, CustomStringConvertible {
    public var errorDescription: String? { message }
    public var recoverySuggestion: String? { hint }

    /// Message and hint, on one line.
    public var description: String {
        hint.map { "\(message) (\($0))" } ?? message
    }
}
