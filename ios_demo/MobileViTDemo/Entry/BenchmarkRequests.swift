import MobileViTDemoModel
import SwiftUI

/// Asks the person where a URL asked for a benchmark, and shows how it goes, over whatever is on the
/// screen.
struct BenchmarkRequests: ViewModifier {
    @StateObject private var request: Observed<BenchmarkRequestModel>

    init(_ model: BenchmarkRequestModel) {
        _request = StateObject(wrappedValue: Observed(model))
    }

    func body(content: Content) -> some View {
        content
            .onChange(of: request.state.isRunning) { ScreenAwake.keep($0, for: .request) }
            .sheet(isPresented: $request.isShown) {
                BenchmarkRequestView(state: request.state, model: request.model)
                    .interactiveDismissDisabled()
            }
    }
}

extension Observed where Model == BenchmarkRequestModel {
    /// As SwiftUI binds it.
    fileprivate var isShown: Bool {
        get { state != .none }
        set { if !newValue { model.dismiss() } }
    }
}

private struct BenchmarkRequestView: View {
    let state: BenchmarkRequestState
    let model: BenchmarkRequestModel

    var body: some View {
        ScrollView {
            VStack(alignment: .leading, spacing: 12) {
                if let message = state.message {
                    Text(message.title).font(.title2).bold().accessibilityAddTraits(.isHeader)
                    Text(message.text).monospacedDigit()
                    if let detail = message.detail {
                        Text(detail).font(.footnote).foregroundStyle(.secondary)
                    }
                }
                buttons
            }
            .frame(maxWidth: .infinity, alignment: .leading)
            .padding()
        }
    }

    @ViewBuilder private var buttons: some View {
        switch state {
        case .none:
            EmptyView()
        case .asking:
            Button("Measure") { Task { await model.accept() } }.buttonStyle(.borderedProminent)
            Button("Not now") { model.dismiss() }.buttonStyle(.bordered)
        case .running:
            ProgressView()
            Button("Stop") { model.stop(.person) }.buttonStyle(.bordered)
        case .done, .failed:
            Button("Close") { model.dismiss() }.buttonStyle(.borderedProminent)
        }
    }
}
