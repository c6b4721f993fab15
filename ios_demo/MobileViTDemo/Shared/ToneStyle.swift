import MobileViTDemoModel
import SwiftUI

extension Tone {
    var color: Color {
        switch self {
        case .neutral: .secondary
        case .good: .green
        case .caution: .orange
        case .bad: .red
        }
    }

    /// Of SF Symbols: the meaning is not in the colour alone.
    var symbol: String {
        switch self {
        case .neutral: "hourglass"
        case .good: "checkmark.circle"
        case .caution: "exclamationmark.triangle"
        case .bad: "xmark.octagon"
        }
    }
}

extension Problem.Subject {
    var symbol: String {
        switch self {
        case .camera: "camera"
        case .model: "shippingbox"
        case .photo: "photo"
        }
    }
}
