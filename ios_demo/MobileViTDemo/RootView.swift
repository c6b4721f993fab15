import MobileViTDemoModel
import SwiftUI

/// The app's tabs.
struct RootView: View {
    private let camera: LiveCamera
    @StateObject private var app: Observed<AppModel>
    @Environment(\.scenePhase) private var phase

    init(_ model: AppModel, camera: LiveCamera) {
        self.camera = camera
        _app = StateObject(wrappedValue: Observed(model))
    }

    var body: some View {
        TabView(selection: $app.tab) {
            LiveView(app.model, capture: camera.capture)
                .tabItem { Label("Live camera", systemImage: "camera") }
                .tag(AppModel.Tab.live)
            PhotoView(app.model.photo)
                .tabItem { Label("Photo", systemImage: "photo") }
                .tag(AppModel.Tab.photo)
            BenchmarkView(app.model.benchmark)
                .tabItem { Label("Benchmark", systemImage: "gauge") }
                .tag(AppModel.Tab.benchmark)
            SelfTestView(app.model.selfTest)
                .tabItem { Label("Self-test", systemImage: "checkmark.shield") }
                .tag(AppModel.Tab.selfTest)
        }
        .onAppear { tell(phase) }
        .onChange(of: phase) { tell($0) }
        .onOpenURL { url in
            if url.isFileURL {
                app.model.look { try await temporaryCopy(ofForeign: url) }
            } else {
                app.model.receive(url)
            }
        }
        .modifier(BenchmarkRequests(app.model.requests))
    }

    private func tell(_ phase: ScenePhase) {
        switch phase {
        case .active: app.model.phaseIs(.active)
        case .inactive: app.model.phaseIs(.inactive)
        case .background: app.model.phaseIs(.background)
        @unknown default: break
        }
    }
}

extension Observed where Model == AppModel {
    /// As SwiftUI binds it.
    fileprivate var tab: AppModel.Tab {
        get { state.tab }
        set { model.select(newValue) }
    }
}
