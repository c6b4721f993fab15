import MobileViTDemoModel
import SwiftUI

/// What went wrong, and the way out.
struct ProblemView: View {
    let problem: Problem
    let take: @MainActor (WayOut) -> Void

    var body: some View {
        VStack(alignment: .leading, spacing: 12) {
            Label(problem.title, systemImage: problem.subject.symbol)
                .font(.headline)
                .accessibilityAddTraits(.isHeader)
            Text(problem.text)
                .foregroundStyle(.secondary)
                .textSelection(.enabled)
            if let wayOut = problem.wayOut {
                Button(wayOut.title) { take(wayOut) }
                    .buttonStyle(.borderedProminent)
            }
        }
        .frame(maxWidth: .infinity, alignment: .leading)
        .accessibilityElement(children: .contain)
        .accessibilityIdentifier("problem")
    }
}
