/// Fixed work on one core, of which a change in time is a change of the machine: it multiplies
/// matrices (arithmetic, within a core's own caches) and copies memory (beyond them), as the Python
/// runner's does, in its own amounts. Readings are compared within a run only. Allocates nothing
/// once made.
final class Sentinel {
    static let side = 128

    private let matrix = UnsafeMutablePointer<Float>.allocate(capacity: side * side)
    private let product = UnsafeMutablePointer<Float>.allocate(capacity: side * side)
    private let source = UnsafeMutablePointer<UInt8>.allocate(capacity: copiedBytes)
    private let target = UnsafeMutablePointer<UInt8>.allocate(capacity: copiedBytes)

    init() {
        var random = SplitMix64(seed: 0)
        for i in 0..<Self.side * Self.side {
            (matrix + i).initialize(to: Float(random.unit() * 2 - 1))
        }
        product.initialize(repeating: 0, count: Self.side * Self.side)
        for i in 0..<copiedBytes {
            (source + i).initialize(to: UInt8(truncatingIfNeeded: random.next()))
        }
        target.initialize(repeating: 0, count: copiedBytes)
    }

    deinit {
        matrix.deallocate()
        product.deallocate()
        source.deallocate()
        target.deallocate()
    }

    /// Works once, and gives the nanoseconds that took.
    func takeNs() -> Int {
        timed {
            for _ in 0..<repeats { work() }
        }
    }

    /// A sum over what the last work left, to see that it was done.
    var trace: Float {
        (0..<Self.side * Self.side).reduce(Float(target[copiedBytes - 1])) { $0 + product[$1] }
    }

    /// `product = matrix * matrix`, row by row, so that the innermost loop can be vectorised; and a
    /// copy. Not inlined: a caller must not see that nobody reads what it writes.
    @inline(never)
    private func work() {
        product.update(repeating: 0, count: Self.side * Self.side)
        for row in 0..<Self.side {
            let to = product + row &* Self.side
            for k in 0..<Self.side {
                let factor = matrix[row &* Self.side &+ k]
                let from = matrix + k &* Self.side
                for i in 0..<Self.side { to[i] += factor * from[i] }
            }
        }
        target.update(from: source, count: copiedBytes)
    }
}

private let copiedBytes = 1 << 22
private let repeats = 3
