import MobileViTDemoModel
import SwiftUI
import UIKit

/// How far a run is.
struct BenchmarkRunningView: View {
    let running: BenchmarkRunning
    let stop: @MainActor () -> Void

    var body: some View {
        List {
            Section {
                VStack(alignment: .leading) {
                    Text(running.title).font(.title2).bold()
                    Text(running.progress.detail).monospacedDigit().foregroundStyle(.secondary)
                    ProgressView(value: running.progress.share)
                }
                .accessibilityElement(children: .combine)
                .accessibilityAddTraits(.updatesFrequently)
                Button("Stop", role: .destructive, action: stop)
                    .disabled(running.stopping != nil)
            } header: {
                Text(running.subject)
            } footer: {
                Text("The screen stays on. The run ends if you leave this screen.")
            }
            Section("Latency over time") {
                if let chart = running.chart {
                    LatencyChartView(chart: chart, text: running.chartText)
                } else {
                    Text(running.chartText).foregroundStyle(.secondary)
                }
            }
        }
        .listStyle(.insetGrouped)
        // what is on the screen is not read again by itself; the stage is worth saying
        .onChange(of: running.title) { title in
            UIAccessibility.post(notification: .announcement, argument: title)
        }
    }
}
