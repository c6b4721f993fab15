import Foundation
import MobileViTCore
import MobileViTKit
import UIKit

/// What the battery tells, for any thread: UIDevice tells only the main one.
///
/// Sendable: what changes is read and written under the lock.
final class BatteryWatch: @unchecked Sendable {
    @MainActor static let shared = BatteryWatch()

    private let lock = NSLock()
    private var latest: BatteryReading?

    var reading: BatteryReading? { lock.withLock { latest } }

    @MainActor
    private init() {
        UIDevice.current.isBatteryMonitoringEnabled = true
        look()
        let changes = [
            UIDevice.batteryStateDidChangeNotification, UIDevice.batteryLevelDidChangeNotification,
        ]
        for change in changes {
            // for as long as the process lives, as this is
            _ = NotificationCenter.default.addObserver(
                forName: change, object: nil, queue: .main
            ) { [weak self] _ in
                // on the main queue, as asked for
                MainActor.assumeIsolated { self?.look() }
            }
        }
    }

    @MainActor
    private func look() {
        let device = UIDevice.current
        // -1 where it is not told, as in the simulator
        let percent = device.batteryLevel < 0 ? nil : Double(device.batteryLevel) * 100
        let power: DeviceState.Power? =
            switch device.batteryState {
            case .charging, .full: .mains
            case .unplugged: .battery
            case .unknown: nil
            @unknown default: nil
            }
        let reading = BatteryReading(percent: percent, power: power)
        lock.withLock { latest = reading }
    }
}
