import MobileViTDemoModel
import SwiftUI

/// Labels with their percentages. To a screen reader it is one element, which changes with every frame
/// and says so; what is worth saying by itself the model says.
struct ResultCardView: View {
    let card: ResultCard

    var body: some View {
        VStack(alignment: .leading, spacing: 8) {
            NamedValue(name: card.first.label, value: card.first.percent)
                .font(.title2.bold())
            ProgressView(value: card.confidence)
            // by their place: ImageNet has two cranes and two maillots
            ForEach(card.runnersUp.indices, id: \.self) {
                NamedValue(name: card.runnersUp[$0].label, value: card.runnersUp[$0].percent)
                    .foregroundStyle(.secondary)
            }
            Text(card.timing)
                .font(.footnote)
                .monospacedDigit()
                .foregroundStyle(.secondary)
            if let refusal = card.refusal {
                Text(refusal)
                    .font(.footnote)
                    .foregroundStyle(.secondary)
            }
        }
        .accessibilityElement(children: .ignore)
        .accessibilityLabel(card.spoken)
        .accessibilityAddTraits(.updatesFrequently)
        .accessibilityIdentifier("result")
    }
}
