/// A camera that gives frames: AVFoundation's in the app.
@MainActor
public protocol Camera: AnyObject {
    var permission: CameraPermission { get }
    /// Called with each new state, until `stop`.
    var changed: ((CameraState) -> Void)? { get set }

    /// Has the system ask, once in the life of an app; returns when it was answered.
    func askForPermission() async
    /// Starts it, and offers its frames on a queue of its own.
    func start(offering frames: FrameClassifier)
    /// Gives the camera back.
    func stop()
}

/// Whether the app may see through the camera.
public enum CameraPermission: Sendable, Equatable {
    case granted
    /// The system was not asked yet.
    case undecided
    /// The owner said no, or withdrew it: only the settings change that.
    case denied
    /// By a profile or parental controls, so that the owner cannot change it here.
    case restricted
}

/// How far the camera is.
public enum CameraState: Sendable, Equatable {
    case off
    case opening
    case running
    /// The system took it, and gives it back by itself.
    case interrupted(CameraFailure)
    case failed(CameraFailure)
}

public enum CameraFailure: Error, Equatable, CaseIterable {
    /// The device has none.
    case absent
    /// Another app has it.
    case inUse
    /// Apps side by side get none.
    case beside
    /// The phone is too hot, or short of power.
    case pressure
    /// The permission is gone.
    case notAllowed
    /// It was taken away, or broke down.
    case lost
}

extension Problem {
    /// Nil where the camera may be used.
    static func camera(_ permission: CameraPermission) -> Problem? {
        switch permission {
        case .granted, .undecided: nil
        case .denied: camera(.notAllowed)
        case .restricted:
            Problem(
                title: "The camera is blocked on this device",
                text: "The device’s settings or its administrator block it. "
                    + "Photos work without it.",
                wayOut: .choosePhoto, subject: .camera)
        }
    }

    static func camera(_ failure: CameraFailure) -> Problem {
        let (title, text, wayOut): (String, String, WayOut) =
            switch failure {
            case .absent:
                ("This device has no camera", "Choose a photo instead.", .choosePhoto)
            case .inUse:
                (
                    "Another app has the camera", "Close the other app, then try again.",
                    .reopenCamera
                )
            case .beside:
                (
                    "The camera rests beside other apps",
                    "Give this app the whole screen. Photos work as it is.", .choosePhoto
                )
            case .pressure:
                (
                    "The phone is too hot for the camera",
                    "It goes on when the phone has cooled. Photos work until then.", .choosePhoto
                )
            case .notAllowed:
                (
                    "The camera is switched off for this app",
                    "Allow the camera in the app’s settings. Photos work without it.", .openSettings
                )
            case .lost:
                (
                    "The camera stopped",
                    "Another app may have taken it. Try again; if that does not help, restart "
                        + "the phone.",
                    .reopenCamera
                )
            }
        return Problem(title: title, text: text, wayOut: wayOut, subject: .camera)
    }
}
