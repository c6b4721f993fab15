import AVFoundation
import MobileViTDemoModel
import UIKit

extension AVCaptureConnection {
    /// Has the picture upright as the screen is held.
    func turn(to orientation: ScreenOrientation, frontCamera: Bool) {
        if #available(iOS 17, *) {
            let angle = CGFloat(orientation.rotation(frontCamera: frontCamera))
            if isVideoRotationAngleSupported(angle), videoRotationAngle != angle {
                videoRotationAngle = angle
            }
        } else if isVideoOrientationSupported {
            videoOrientation = orientation.video
        }
    }
}

extension ScreenOrientation {
    fileprivate var video: AVCaptureVideoOrientation {
        switch self {
        case .portrait: .portrait
        case .portraitUpsideDown: .portraitUpsideDown
        case .landscapeLeft: .landscapeLeft
        case .landscapeRight: .landscapeRight
        }
    }

    /// As UIKit says it; nil where it does not.
    init?(_ orientation: UIInterfaceOrientation) {
        switch orientation {
        case .portrait: self = .portrait
        case .portraitUpsideDown: self = .portraitUpsideDown
        case .landscapeLeft: self = .landscapeLeft
        case .landscapeRight: self = .landscapeRight
        case .unknown: return nil
        @unknown default: return nil
        }
    }
}
