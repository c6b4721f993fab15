import SwiftUI

/// A card on the background of a screen.
struct Card<Content: View>: View {
    private let tint: Color?
    private let content: Content

    /// - Parameter tint: nil: the colour of cards.
    init(tint: Color? = nil, @ViewBuilder content: () -> Content) {
        self.tint = tint
        self.content = content()
    }

    var body: some View {
        VStack(alignment: .leading, spacing: 12) { content }
            .frame(maxWidth: .infinity, alignment: .leading)
            .padding(16)
            .background(
                tint?.opacity(0.15) ?? Color(uiColor: .secondarySystemGroupedBackground),
                in: RoundedRectangle(cornerRadius: 16))
    }
}

/// A name on one side and a value on the other; one above the other where text is large.
struct NamedValue: View {
    let name: String
    let value: String

    var body: some View {
        ViewThatFits(in: .horizontal) {
            HStack(alignment: .firstTextBaseline) {
                Text(name)
                Spacer(minLength: 12)
                Text(value).monospacedDigit()
            }
            VStack(alignment: .leading, spacing: 2) {
                Text(name)
                Text(value).monospacedDigit()
            }
            .frame(maxWidth: .infinity, alignment: .leading)
        }
        .accessibilityElement(children: .combine)
    }
}
