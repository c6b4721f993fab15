import AVFoundation
import MobileViTDemoModel
import SwiftUI
import UIKit

/// What the camera sees, filling the view.
struct CameraPreview: UIViewRepresentable {
    let capture: CaptureSession

    func makeUIView(context: Context) -> PreviewView { PreviewView(capture) }

    func updateUIView(_ view: PreviewView, context: Context) { view.turn() }
}

/// Turns its picture, and the frames that are classified, as the screen is held.
final class PreviewView: UIView {
    override class var layerClass: AnyClass { AVCaptureVideoPreviewLayer.self }

    private let capture: CaptureSession
    private var turning: NSKeyValueObservation?
    private var running: (any NSObjectProtocol)?

    init(_ capture: CaptureSession) {
        self.capture = capture
        super.init(frame: .zero)
        let preview = layer as? AVCaptureVideoPreviewLayer
        preview?.session = capture.session
        preview?.videoGravity = .resizeAspectFill
    }

    /// There is no storyboard.
    required init?(coder: NSCoder) { nil }

    override func layoutSubviews() {
        super.layoutSubviews()
        turn()
    }

    override func didMoveToWindow() {
        super.didMoveToWindow()
        if let running { NotificationCenter.default.removeObserver(running) }
        running = nil
        // from one landscape to the other the view keeps its size, and is not laid out anew; that the
        // phone is turned is told before the screen turns
        turning = window?.windowScene?.observe(\.effectiveGeometry) { @Sendable [weak self] _, _ in
            Task { @MainActor in self?.turn() }
        }
        guard window != nil else { return }
        // the first time, there is nothing to turn before: the layer's connection comes with the input
        running = NotificationCenter.default.addObserver(
            forName: AVCaptureSession.didStartRunningNotification, object: capture.session,
            queue: .main
        ) { [weak self] _ in
            MainActor.assumeIsolated { self?.turn() }
        }
        turn()
    }

    func turn() {
        guard let held = window?.windowScene?.interfaceOrientation,
            let orientation = ScreenOrientation(held)
        else { return }
        capture.turn(to: orientation)
        let preview = layer as? AVCaptureVideoPreviewLayer
        // phones whose only camera is at the front are none of those that have iOS 16
        preview?.connection?.turn(to: orientation, frontCamera: false)
    }
}
