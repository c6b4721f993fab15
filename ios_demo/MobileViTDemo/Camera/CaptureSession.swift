import AVFoundation
import Foundation
import MobileViTDemoModel
import MobileViTKit

/// The capture session, on a queue of its own, where its frames come too.
///
/// `@unchecked Sendable`: what changes is read and written on `queue` only. `session` itself is constant,
/// and a preview layer of the main thread may show it while it runs.
final class CaptureSession: NSObject, @unchecked Sendable {
    let session = AVCaptureSession()

    private let queue = DispatchQueue(label: "org.mobilevit.demo.camera", qos: .userInitiated)
    private let tell: @Sendable (CameraState) -> Void

    private let output = AVCaptureVideoDataOutput()
    private var device: AVCaptureDevice?
    private var frames: FrameClassifier?
    private var orientation = ScreenOrientation.portrait
    /// By what it is interrupted; nil: it is not, or nobody has to be told.
    private var interruption: CameraFailure?

    /// - Parameter tell: is given each new state, on any thread.
    init(tell: @escaping @Sendable (CameraState) -> Void) {
        self.tell = tell
        super.init()
        observe()
    }

    func start(offering frames: FrameClassifier) {
        queue.async { [self] in
            self.frames = frames
            tell(.opening)
            do throws(CameraFailure) {
                if device == nil { device = try configure() }
            } catch {
                return tell(.failed(error))
            }
            turnFrames()
            run()
        }
    }

    func stop() {
        queue.async { [self] in
            frames = nil
            session.stopRunning()
        }
    }

    /// Frames are upright as the screen is held.
    func turn(to orientation: ScreenOrientation) {
        queue.async { [self] in
            guard orientation != self.orientation else { return }
            self.orientation = orientation
            turnFrames()
        }
    }

    // MARK: - On the queue

    private func run() {
        session.startRunning()
        if session.isRunning {
            tell(.running)
        } else if !session.isInterrupted {
            tell(.failed(.lost))
        } else if let interruption {
            // since before it was started; else a notification is to come, which says by what
            tell(.interrupted(interruption))
        }
    }

    private func configure() throws(CameraFailure) -> AVCaptureDevice {
        let back = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: .back)
        guard let device = back ?? AVCaptureDevice.default(for: .video) else { throw .absent }
        let input: AVCaptureDeviceInput
        do {
            input = try AVCaptureDeviceInput(device: device)
        } catch {
            // the permission was withdrawn, or a profile forbids the camera
            throw .notAllowed
        }
        session.beginConfiguration()
        defer { session.commitConfiguration() }
        // enough for any model of a phone, and for the eye
        if session.canSetSessionPreset(.hd1280x720) { session.sessionPreset = .hd1280x720 }
        if session.isMultitaskingCameraAccessSupported {
            session.isMultitaskingCameraAccessEnabled = true
        }
        guard session.canAddInput(input) else { throw .lost }
        session.addInput(input)
        guard session.canAddOutput(output) else {
            session.removeInput(input)
            throw .lost
        }
        output.alwaysDiscardsLateVideoFrames = true
        output.videoSettings = [
            kCVPixelBufferPixelFormatTypeKey as String:
                kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
        ]
        output.setSampleBufferDelegate(self, queue: queue)
        session.addOutput(output)
        return device
    }

    private func turnFrames() {
        output.connection(with: .video)?
            .turn(to: orientation, frontCamera: device?.position == .front)
    }

    // MARK: - What the system tells

    /// For as long as the app lives, as this does.
    private func observe() {
        on(AVCaptureSession.wasInterruptedNotification) { notification in
            let reason = notification.userInfo?[AVCaptureSessionInterruptionReasonKey] as? Int
            return { $0.interrupted(by: reason) }
        }
        on(AVCaptureSession.interruptionEndedNotification) { _ in { $0.interruptionEnded() } }
        on(AVCaptureSession.runtimeErrorNotification) { notification in
            let error = notification.userInfo?[AVCaptureSessionErrorKey] as? AVError
            let wasReset = error?.code == .mediaServicesWereReset
            return { $0.stopped(wasReset: wasReset) }
        }
    }

    /// - Parameter read: takes from a notification, at once, what is then done on the queue.
    private func on(
        _ name: NSNotification.Name,
        read: @escaping @Sendable (Notification) -> @Sendable (CaptureSession) -> Void
    ) {
        _ = NotificationCenter.default.addObserver(forName: name, object: session, queue: nil) {
            [weak self] notification in
            let act = read(notification)
            self?.queue.async { [weak self] in
                if let self { act(self) }
            }
        }
    }

    private func interrupted(by reason: Int?) {
        interruption =
            switch reason.flatMap({ AVCaptureSession.InterruptionReason(rawValue: $0) }) {
            // the app is not seen, and has given it back itself
            case .videoDeviceNotAvailableInBackground: nil
            case .videoDeviceInUseByAnotherClient: .inUse
            case .videoDeviceNotAvailableWithMultipleForegroundApps: .beside
            case .videoDeviceNotAvailableDueToSystemPressure: .pressure
            default: .lost
            }
        if let interruption { tell(.interrupted(interruption)) }
    }

    private func interruptionEnded() {
        interruption = nil
        // nobody waits for it where it was stopped meanwhile
        if frames != nil { run() }
    }

    private func stopped(wasReset: Bool) {
        guard frames != nil else { return }
        if wasReset { run() } else { tell(.failed(.lost)) }
    }
}

extension CaptureSession: AVCaptureVideoDataOutputSampleBufferDelegate {
    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer,
        from connection: AVCaptureConnection
    ) {
        guard let frames, let buffer = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
        // in the memory of the frame before
        frames.offer { image in
            if image == nil { image = try RGBImage(buffer) } else { try image?.read(buffer) }
        }
    }
}
