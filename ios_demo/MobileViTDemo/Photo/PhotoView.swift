import MobileViTDemoModel
import PhotosUI
import SwiftUI

/// Names what is in a photo.
struct PhotoView: View {
    @StateObject private var photo: Observed<PhotoModel>
    @State private var picked: PhotosPickerItem?

    init(_ model: PhotoModel) {
        _photo = StateObject(wrappedValue: Observed(model))
    }

    var body: some View {
        NavigationStack {
            ScrollView {
                VStack(spacing: 16) {
                    if let picture = photo.state.picture {
                        Picture(image: picture)
                            .clipShape(RoundedRectangle(cornerRadius: 16))
                            .frame(maxWidth: 600, maxHeight: 420)
                            .accessibilityElement(children: .ignore)
                            .accessibilityLabel("The chosen photo")
                            .accessibilityAddTraits(.isImage)
                    }
                    outcome
                    PhotosPicker(selection: $picked, matching: .images) {
                        Label(photo.state.choice, systemImage: "photo.on.rectangle")
                            .frame(maxWidth: .infinity)
                    }
                    .buttonStyle(.borderedProminent)
                    .controlSize(.large)
                }
                .frame(maxWidth: 700)
                .padding(16)
                .frame(maxWidth: .infinity)
            }
            .background(Color(uiColor: .systemGroupedBackground))
            .navigationTitle("Photo")
        }
        .onChange(of: picked) { item in
            guard let item else { return }
            photo.model.look { try await item.fetch() }
            // so that the same photo can be chosen again
            picked = nil
        }
    }

    @ViewBuilder private var outcome: some View {
        switch photo.state.scene {
        case .empty:
            Text(PhotoState.invitation).foregroundStyle(.secondary)
        case .looking: ProgressView("Looking at the photo…")
        case .named(let card): Card { ResultCardView(card: card) }
        case .failed(let problem):
            Card { ProblemView(problem: problem, take: photo.model.take) }
        }
    }
}
