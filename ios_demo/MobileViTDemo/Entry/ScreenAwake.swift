import UIKit

/// Keeps the screen on for as long as anybody wants that.
@MainActor
enum ScreenAwake {
    enum Reason: Hashable {
        case benchmark, request, host, camera
    }

    private static var reasons: Set<Reason> = []

    static func keep(_ isWanted: Bool, for reason: Reason) {
        if isWanted {
            reasons.insert(reason)
        } else {
            reasons.remove(reason)
        }
        UIApplication.shared.isIdleTimerDisabled = !reasons.isEmpty
    }
}
