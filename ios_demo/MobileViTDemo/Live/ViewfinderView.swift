import MobileViTDemoModel
import SwiftUI

/// The camera's picture, and in it a frame around what the model looks at.
struct ViewfinderView: View {
    let state: LiveState
    let capture: CaptureSession

    var body: some View {
        GeometryReader { proxy in
            ZStack {
                Color.black
                if state.isSeeing {
                    picture(in: proxy.size)
                } else {
                    Image(systemName: "eye.slash")
                        .font(.largeTitle)
                        .foregroundStyle(.white)
                        .accessibilityHidden(true)
                }
                if state.scene == .starting {
                    ProgressView().tint(.white)
                }
            }
            .frame(width: proxy.size.width, height: proxy.size.height)
            .clipShape(RoundedRectangle(cornerRadius: 20))
            .overlay(alignment: .top) { warmth }
        }
    }

    private func picture(in size: CGSize) -> some View {
        let viewfinder = state.viewfinder(in: size)
        return CameraPreview(capture: capture)
            .frame(width: viewfinder.picture.width, height: viewfinder.picture.height)
            .overlay {
                ViewfinderCorners()
                    .stroke(.white, style: StrokeStyle(lineWidth: 4))
                    .frame(width: viewfinder.side, height: viewfinder.side)
            }
            .accessibilityElement(children: .ignore)
            .accessibilityLabel("The camera’s picture; what is in the frame is named")
            .accessibilityAddTraits(.isImage)
            // who looks through the camera does not touch the screen
            .onAppear { ScreenAwake.keep(true, for: .camera) }
            .onDisappear { ScreenAwake.keep(false, for: .camera) }
    }

    @ViewBuilder private var warmth: some View {
        if let hint = state.warmth.hint {
            Label(hint, systemImage: "thermometer")
                .font(.footnote)
                .padding(10)
                .background(.regularMaterial, in: Capsule())
                .padding(10)
        }
    }
}

/// The corners of a square.
struct ViewfinderCorners: Shape {
    func path(in rect: CGRect) -> Path {
        let arm = min(rect.width, rect.height) / 8
        let corners = [
            (rect.minX, rect.minY, arm, arm), (rect.maxX, rect.minY, -arm, arm),
            (rect.maxX, rect.maxY, -arm, -arm), (rect.minX, rect.maxY, arm, -arm),
        ]
        return Path { path in
            for (x, y, across, down) in corners {
                path.move(to: CGPoint(x: x + across, y: y))
                path.addQuadCurve(
                    to: CGPoint(x: x, y: y + down), control: CGPoint(x: x, y: y))
            }
        }
    }
}
