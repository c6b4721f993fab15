/// What a screen shows and does, without a view: the app's views observe `state` through `changed`, and
/// call its methods. Everything that decides what is shown is in here, so that it is tested anywhere.
@MainActor public protocol Screen: AnyObject {
    associatedtype State: Sendable, Equatable
    var state: State { get }
    /// Called with each new state.
    var changed: ((State) -> Void)? { get set }
}
