import MobileViTDemoModel
import SwiftUI

/// What a run came to.
struct BenchmarkOutcomeView: View {
    let outcome: BenchmarkOutcome
    let exportAgain: @MainActor () -> Void
    let again: @MainActor () -> Void

    var body: some View {
        List {
            if let stopped = outcome.stopped {
                Section("Stopped early") { RemarkRow(text: stopped) }
            }
            if !outcome.comparison.isEmpty {
                Section("Compared") {
                    ForEach(outcome.comparison, id: \.self) { Text($0) }
                }
            }
            ForEach(outcome.cases) { one in
                Section(one.title) { CaseFiguresView(one: one) }
            }
            Section("Latency over time") {
                LatencyChartView(chart: outcome.chart, text: outcome.chartText)
            }
            if !outcome.remarks.isEmpty {
                Section("What spoils these figures") {
                    ForEach(outcome.remarks, id: \.self) { RemarkRow(text: $0) }
                }
            }
            Section("The phone") {
                ForEach(outcome.rows) { FigureRowView(row: $0) }
            }
            Section {
                export
                Button("Measure again", action: again)
            } header: {
                Text(outcome.subject)
            } footer: {
                Text(
                    "These figures are of this build on this phone. The whole report is made on a "
                        + "computer of the shared file: mobilevit report FILE.")
            }
        }
        .listStyle(.insetGrouped)
    }

    @ViewBuilder private var export: some View {
        switch outcome.export {
        case .written(let file):
            ShareLink(item: file, subject: Text("MobileViT benchmark")) {
                Label("Share as JSON", systemImage: "square.and.arrow.up")
            }
        case .failed(let reason):
            RemarkRow(text: "There is nothing to share yet: \(reason)")
            Button("Try to write it again", action: exportAgain)
        }
    }
}

/// The median in large, and what else is known of a case.
private struct CaseFiguresView: View {
    let one: CaseOutcome

    var body: some View {
        VStack(alignment: .leading) {
            Text(one.median).font(.largeTitle).bold().monospacedDigit()
            Text(one.basis).font(.footnote).foregroundStyle(.secondary)
        }
        .accessibilityElement(children: .combine)
        ForEach(one.rows) { FigureRowView(row: $0) }
    }
}

private struct FigureRowView: View {
    let row: FigureRow

    var body: some View {
        LabeledContent(row.label, value: row.value).monospacedDigit()
    }
}

/// Something to mind, told by its icon and not by a colour alone.
struct RemarkRow: View {
    let text: String

    var body: some View {
        Label {
            Text(text)
        } icon: {
            Image(systemName: "exclamationmark.triangle").foregroundStyle(.orange)
        }
    }
}
