import MobileViTDemoModel
import MobileViTKit
import SwiftUI
import UIKit

/// Shows what MobileViTKit does.
@main
struct MobileViTDemoApp: App {
    private let purpose = LaunchPurpose(
        arguments: CommandLine.arguments, environment: ProcessInfo.processInfo.environment)
    private let camera = LiveCamera()
    private let model: AppModel

    init() {
        model = AppModel(.ofThisPhone(), camera: camera)
        watchSystem(for: model)
    }

    var body: some Scene {
        WindowGroup {
            switch purpose {
            case .person: RootView(model, camera: camera)
            case .tests: EmptyView()
            case .host, .misunderstood: HostCommandView(purpose: purpose)
            }
        }
    }
}

extension Surroundings {
    @MainActor
    fileprivate static func ofThisPhone() -> Surroundings {
        // where `mobilevit embed` puts it; that there is none is said when it is opened
        let bundle =
            Bundle.main.url(forResource: "MobileViT", withExtension: "bundle")
            ?? Bundle.main.bundleURL.appendingPathComponent("MobileViT.bundle")
        return Surroundings(
            bundle: bundle, runtime: { try CoreMLRuntime(for: ModelBundle(folder: bundle)) },
            decode: { try decodeImage($0) }, memory: .standard, version: version(),
            locale: .autoupdatingCurrent, machine: thisPhone(), results: sharedResults,
            runs: hostRuns,
            benchmarks: benchmarkSurroundings(),
            say: { UIAccessibility.post(notification: .announcement, argument: $0) })
    }
}

/// Of the app, such as `1.0 (1)`.
private func version() -> String {
    let info = Bundle.main.infoDictionary
    let name = info?["CFBundleShortVersionString"] as? String
    let build = info?["CFBundleVersion"] as? String
    return "\(name ?? "?") (\(build ?? "?"))"
}
