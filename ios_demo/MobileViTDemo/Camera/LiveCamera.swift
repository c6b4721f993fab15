import AVFoundation
import MobileViTDemoModel

/// The phone's camera.
@MainActor
final class LiveCamera: Camera {
    var changed: ((CameraState) -> Void)?

    private(set) lazy var capture = CaptureSession { [weak self] state in
        Task { @MainActor in self?.changed?(state) }
    }

    var permission: CameraPermission {
        switch AVCaptureDevice.authorizationStatus(for: .video) {
        case .authorized: .granted
        case .notDetermined: .undecided
        case .denied: .denied
        case .restricted: .restricted
        @unknown default: .denied
        }
    }

    func askForPermission() async {
        _ = await AVCaptureDevice.requestAccess(for: .video)
    }

    func start(offering frames: FrameClassifier) { capture.start(offering: frames) }

    func stop() { capture.stop() }
}
