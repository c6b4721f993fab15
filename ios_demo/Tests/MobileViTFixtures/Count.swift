import Foundation

/// Counts what happens on any thread.
public final class Count: @unchecked Sendable {
    // Sendable: only ever read or written with the lock
    private let lock = NSLock()
    private var count = 0

    public init() {}

    public var value: Int { lock.withLock { count } }
    public func add(_ more: Int) { lock.withLock { count += more } }
}
