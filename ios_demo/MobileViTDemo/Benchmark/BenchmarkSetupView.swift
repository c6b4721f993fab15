import MobileViTDemoModel
import SwiftUI

/// The choice of what to measure, and what would spoil it.
struct BenchmarkSetupView: View {
    let setup: BenchmarkSetup
    let model: BenchmarkModel

    var body: some View {
        List {
            if !setup.conditions.isEmpty {
                Section("This will spoil the figures") {
                    ForEach(setup.conditions, id: \.self) { RemarkRow(text: $0.text) }
                }
            }
            Section("Model") {
                ForEach(setup.artifactOptions) { option in
                    OptionRow(title: option.title, detail: option.detail, isChosen: option.isChosen)
                    {
                        model.toggle(artifact: option.id)
                    }
                }
            }
            Section {
                ForEach(setup.delegateOptions) { option in
                    OptionRow(title: option.title, detail: option.detail, isChosen: option.isChosen)
                    {
                        model.toggle(delegate: option.id)
                    }
                }
            } header: {
                Text("\(setup.runtimeName) runs on")
            } footer: {
                Text(setup.summary)
            }
            Section("How long") {
                ForEach(setup.modeOptions) { option in
                    OptionRow(title: option.title, detail: option.detail, isChosen: option.isChosen)
                    {
                        model.choose(mode: option.id)
                    }
                }
            }
            Section {
                Button {
                    Task { await model.start() }
                } label: {
                    Text("Start").bold().frame(maxWidth: .infinity)
                }
            } footer: {
                Text("The screen stays on. The run ends if you leave this screen.")
            }
        }
        .listStyle(.insetGrouped)
    }
}

/// What can be chosen, with a tick where it is.
private struct OptionRow: View {
    let title: String
    let detail: String?
    let isChosen: Bool
    let choose: @MainActor () -> Void

    var body: some View {
        Button(action: choose) {
            HStack {
                VStack(alignment: .leading) {
                    Text(title).foregroundStyle(.primary)
                    if let detail {
                        Text(detail).font(.footnote).foregroundStyle(.secondary)
                    }
                }
                Spacer()
                Image(systemName: "checkmark")
                    .foregroundStyle(.tint)
                    .opacity(isChosen ? 1 : 0)
                    .accessibilityHidden(true)
            }
            .contentShape(Rectangle())
        }
        .buttonStyle(.plain)
        .accessibilityElement(children: .combine)
        .accessibilityAddTraits(isChosen ? [.isButton, .isSelected] : .isButton)
    }
}
