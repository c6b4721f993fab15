import MobileViTDemoModel
import SwiftUI

/// Why there are no figures.
struct BenchmarkMessageView: View {
    let message: BenchmarkMessage
    /// Nil where there is nowhere to go back to.
    let back: (@MainActor () -> Void)?

    var body: some View {
        ScrollView {
            VStack(alignment: .leading, spacing: 12) {
                Text(message.title).font(.title2).bold().accessibilityAddTraits(.isHeader)
                Text(message.text)
                if let detail = message.detail {
                    Text(detail).font(.footnote).foregroundStyle(.secondary)
                        .textSelection(.enabled)
                }
                if let back {
                    Button("Back to the choice", action: back).buttonStyle(.borderedProminent)
                }
            }
            .frame(maxWidth: .infinity, alignment: .leading)
            .padding()
        }
    }
}
