import MobileViTDemoModel
import SwiftUI

/// The benchmark screen. It goes on while the phone is turned; what ends it is the model's.
struct BenchmarkView: View {
    @StateObject private var benchmark: Observed<BenchmarkModel>

    init(_ model: BenchmarkModel) {
        _benchmark = StateObject(wrappedValue: Observed(model))
    }

    private var model: BenchmarkModel { benchmark.model }

    var body: some View {
        NavigationStack {
            content.navigationTitle("Benchmark")
        }
        .onChange(of: benchmark.state.isRunning) { ScreenAwake.keep($0, for: .benchmark) }
        // the end that this brings about is not seen by a view that is not
        .onDisappear { ScreenAwake.keep(false, for: .benchmark) }
    }

    @ViewBuilder private var content: some View {
        switch benchmark.state {
        case .opening:
            ProgressView("Reading the model")
        case .unavailable(let message):
            BenchmarkMessageView(message: message, back: nil)
        case .ready(let setup):
            BenchmarkSetupView(setup: setup, model: model)
        case .running(let running):
            BenchmarkRunningView(running: running) { model.stop(.person) }
        case .finished(let outcome):
            BenchmarkOutcomeView(
                outcome: outcome,
                exportAgain: { Task { await model.exportAgain() } },
                again: { Task { await model.clear() } })
        case .failed(let message):
            BenchmarkMessageView(message: message) { Task { await model.clear() } }
        }
    }
}
