import MobileViTCore
import MobileViTDemoModel
import MobileViTKit
import SwiftUI

/// The whole of the app where a computer launched it, by `--benchmark RUN` and the like: it does that
/// and nothing else, and ends.
struct HostCommandView: View {
    let purpose: LaunchPurpose

    @Environment(\.scenePhase) private var phase
    @State private var answering: Task<Void, Never>?

    var body: some View {
        VStack(spacing: 12) {
            ProgressView()
            Text("Measuring for a computer").font(.title2).bold()
                .accessibilityAddTraits(.isHeader)
            Text("Leave the phone alone and the app in front. It closes when it is done.")
                .multilineTextAlignment(.center)
        }
        .padding()
        .onAppear(perform: answer)
        .onChange(of: phase) { phase in
            if phase == .background { answering?.cancel() }
        }
    }

    private func answer() {
        guard answering == nil else { return }
        ScreenAwake.keep(true, for: .host)
        let machine = thisPhone()
        answering = Task.detached { [purpose] in
            let status = await answerHost(
                purpose, runs: hostRuns, runtime: { try CoreMLRuntime() }, machine: machine)
            // the host waits for the end of the process; all lines are written by now
            exit(status)
        }
    }
}
