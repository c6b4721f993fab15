import Combine
import MobileViTDemoModel

/// A screen's model as SwiftUI observes it.
@MainActor
final class Observed<Model: Screen>: ObservableObject {
    @Published private(set) var state: Model.State
    let model: Model

    init(_ model: Model) {
        self.model = model
        state = model.state
        model.changed = { [weak self] in self?.state = $0 }
    }
}
