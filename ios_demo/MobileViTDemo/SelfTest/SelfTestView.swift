import MobileViTDemoModel
import SwiftUI

/// Says whether this phone computes what the training computed, and what it runs.
struct SelfTestView: View {
    @StateObject private var test: Observed<SelfTestModel>
    @ScaledMetric private var thumbnail = 44.0

    init(_ model: SelfTestModel) {
        _test = StateObject(wrappedValue: Observed(model))
    }

    var body: some View {
        NavigationStack {
            ScrollView {
                VStack(spacing: 16) {
                    verdict(test.state.verdict)
                    if !test.state.golden.isEmpty { photos }
                    if let pixels = test.state.pixels {
                        Card {
                            heading("Preparing pictures")
                            Text(pixels)
                        }
                    }
                    if !test.state.facts.isEmpty { about }
                }
                .frame(maxWidth: 700)
                .padding(16)
                .frame(maxWidth: .infinity)
            }
            .background(Color(uiColor: .systemGroupedBackground))
            .navigationTitle("Self-test")
        }
    }

    private func verdict(_ verdict: SelfTestState.Verdict) -> some View {
        Card(tint: verdict.tone == .neutral ? nil : verdict.tone.color) {
            if verdict.action == nil {
                ProgressView()
            } else {
                Image(systemName: verdict.tone.symbol)
                    .font(.title)
                    .foregroundStyle(verdict.tone.color)
                    .accessibilityHidden(true)
            }
            heading(verdict.title)
            Text(verdict.text)
            if let action = verdict.action {
                Button(action) { test.model.run() }
                    .buttonStyle(.borderedProminent)
            }
        }
        .accessibilityIdentifier("verdict")
    }

    private var photos: some View {
        Card {
            heading("Reference photos")
            Text(SelfTestState.goldenExplanation)
                .font(.footnote)
                .foregroundStyle(.secondary)
            ForEach(test.state.golden) { golden in
                HStack(spacing: 12) {
                    ZStack {
                        Color(uiColor: .systemGroupedBackground)
                        if let picture = golden.picture { Picture(image: picture) }
                    }
                    .frame(width: thumbnail, height: thumbnail)
                    .clipShape(RoundedRectangle(cornerRadius: 8))
                    .accessibilityHidden(true)
                    VStack(alignment: .leading, spacing: 2) {
                        Text(golden.label)
                        Text(golden.text)
                            .font(.footnote)
                            .foregroundStyle(golden.isGood ? Color.secondary : Color.red)
                    }
                }
                .accessibilityElement(children: .combine)
            }
        }
    }

    private var about: some View {
        Card {
            heading("What runs here")
            ForEach(test.state.facts) { fact in
                NamedValue(name: fact.name, value: fact.value)
                    .font(.subheadline)
                Divider()
            }
            Text(SelfTestState.privacy)
                .font(.footnote)
                .foregroundStyle(.secondary)
        }
    }

    private func heading(_ text: String) -> some View {
        Text(text)
            .font(.headline)
            .accessibilityAddTraits(.isHeader)
    }
}
