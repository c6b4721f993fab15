import Foundation
import MobileViTDemoModel
import UIKit

/// Tells the app of heat and of short memory, for as long as it lives.
@MainActor
func watchSystem(for app: AppModel) {
    let center = NotificationCenter.default
    // before, as the system tells of changes only to who has asked already
    app.warmthIs(warmth())
    _ = center.addObserver(
        forName: ProcessInfo.thermalStateDidChangeNotification, object: nil, queue: .main
    ) { _ in
        MainActor.assumeIsolated { app.warmthIs(warmth()) }
    }
    _ = center.addObserver(
        forName: UIApplication.didReceiveMemoryWarningNotification, object: nil, queue: .main
    ) { _ in
        MainActor.assumeIsolated { app.memoryIsShort() }
    }
}

private func warmth() -> Warmth {
    switch ProcessInfo.processInfo.thermalState {
    case .nominal: Warmth(thermalState: "nominal")
    case .fair: Warmth(thermalState: "fair")
    case .serious: Warmth(thermalState: "serious")
    case .critical: Warmth(thermalState: "critical")
    @unknown default: Warmth(thermalState: nil)
    }
}
