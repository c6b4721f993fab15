import MobileViTDemoModel
import SwiftUI
import UIKit

/// Names what the camera sees: the picture, and below it, or beside it on a screen that is wide, a
/// panel with labels.
struct LiveView: View {
    private let app: AppModel
    private let capture: CaptureSession
    @StateObject private var live: Observed<LiveModel>
    @Environment(\.openURL) private var openURL
    @Environment(\.dynamicTypeSize) private var textSize

    init(_ app: AppModel, capture: CaptureSession) {
        self.app = app
        self.capture = capture
        _live = StateObject(wrappedValue: Observed(app.live))
    }

    var body: some View {
        GeometryReader { proxy in
            let isWide = proxy.size.width > proxy.size.height
            // large text needs the room more than the picture does
            let share = textSize.isAccessibilitySize ? 0.4 : 0.58
            let layout =
                isWide ? AnyLayout(HStackLayout(spacing: 0)) : AnyLayout(VStackLayout(spacing: 0))
            layout {
                ViewfinderView(state: live.state, capture: capture)
                    .padding(12)
                    .frame(
                        width: isWide ? proxy.size.width / 2 : nil,
                        height: isWide ? nil : proxy.size.height * share)
                ScrollView {
                    panel.padding(16)
                }
                .frame(maxWidth: .infinity, maxHeight: .infinity)
            }
        }
        .background(Color(uiColor: .systemGroupedBackground))
    }

    @ViewBuilder private var panel: some View {
        VStack(spacing: 16) {
            if let notice = live.state.notice {
                NoticeButton(notice: notice) { app.select(.selfTest) }
            }
            switch live.state.scene {
            case .starting:
                Text("Starting…")
                    .foregroundStyle(.secondary)
                    .frame(maxWidth: .infinity, alignment: .leading)
            case .watching(let card): ResultCardView(card: card)
            case .blocked(let problem): ProblemView(problem: problem, take: take)
            }
        }
    }

    private func take(_ wayOut: WayOut) {
        switch wayOut {
        case .openSettings:
            if let settings = URL(string: UIApplication.openSettingsURLString) { openURL(settings) }
        case .choosePhoto: app.select(.photo)
        case .reopenCamera, .reopenModel: live.model.take(wayOut)
        }
    }
}

/// What the self-test found; it leads there.
private struct NoticeButton: View {
    let notice: Notice
    let action: @MainActor () -> Void

    var body: some View {
        Button(action: action) {
            HStack {
                Label(notice.text, systemImage: notice.tone.symbol)
                    .multilineTextAlignment(.leading)
                Spacer(minLength: 8)
                Image(systemName: "chevron.forward").accessibilityHidden(true)
            }
            .padding(12)
            .background(
                notice.tone.color.opacity(0.15), in: RoundedRectangle(cornerRadius: 14))
        }
        .buttonStyle(.plain)
        .accessibilityHint("Opens the self-test")
        .accessibilityIdentifier("notice")
    }
}
