import MobileViTCore

/// The records of a run, as far as a screen shows them. Times are nanoseconds, memory is bytes.
struct BenchmarkTrace: Sendable, Equatable {
    /// One opening of an artifact, as far as it got.
    struct Launch: Sendable, Equatable {
        let delegate: String
        let runtimeVersion: String
        let loadNs: Int
        let firstRunNs: Int
        /// Empty until it is over.
        var warmUpNs: [Int] = []
        /// The warm-up was ended by its cap, before the times settled.
        var capped = false
        var rounds: [TimedRound] = []
        var peakMemory: Int?
        var isClosed = false
    }

    struct Case: Sendable, Equatable {
        let id: String
        var launches: [Launch] = []
        var refusal: String?

        var rounds: [TimedRound] { launches.flatMap(\.rounds) }
        /// Of every round, in order.
        var samplesNs: [Int] { launches.flatMap { $0.rounds.flatMap(\.samplesNs) } }
        fileprivate var isOpen: Bool {
            refusal == nil && launches.last.map { !$0.isClosed } ?? false
        }
    }

    /// Runs of one case, back to back.
    struct Stretch: Sendable, Equatable {
        /// Of `cases`.
        let index: Int
        /// Nil: a warm-up.
        let round: Int?
        let samplesNs: [Int]
    }

    enum Stage: Sendable { case loading, warmingUp, measuring }

    /// In the order of the plan.
    private(set) var cases: [Case]
    /// In the order in which they were run.
    private(set) var stretches: [Stretch] = []
    private(set) var sentinel: [SentinelReading] = []
    /// The system's word each time it was asked; nil where it does not tell.
    private(set) var thermal: [String?] = []
    /// Each case alone, not in turns.
    let isSustained: Bool

    init(cases: [String], isSustained: Bool) {
        self.cases = cases.map { Case(id: $0) }
        self.isSustained = isSustained
    }

    var stage: Stage {
        let open = cases.filter(\.isOpen)
        let expected = isSustained ? 1 : cases.count { $0.refusal == nil }
        if open.isEmpty || open.count < expected { return .loading }
        let isWarm = open.allSatisfy { !($0.launches.last?.warmUpNs.isEmpty ?? true) }
        return isWarm ? .measuring : .warmingUp
    }

    /// Numbers of a case's rounds beside which the device was busy or hot; none in sustained mode,
    /// where no reading of the sentinel is beside a round.
    func disturbed(_ one: Case) -> Set<Int> {
        isSustained ? [] : disturbedRounds(one.rounds, sentinel: sentinel)
    }

    mutating func add(_ record: Record) {
        switch record {
        case .started, .ended:
            break
        case .state(let reading):
            thermal.append(reading.state.thermalStatus)
        case .sentinel(let reading):
            sentinel.append(reading)
        case .opened(let opened):
            change(opened.case) {
                $0.launches.append(
                    Launch(
                        delegate: opened.delegate, runtimeVersion: opened.runtimeVersion,
                        loadNs: opened.loadNs, firstRunNs: opened.firstRunNs))
            }
        case .warmedUp(let warmedUp):
            append(warmedUp.case, round: nil, warmedUp.samplesNs)
            changeLaunch(warmedUp.case) {
                $0.warmUpNs = warmedUp.samplesNs
                $0.capped = warmedUp.capped
            }
        case .round(let round):
            append(round.case, round: round.round, round.samplesNs)
            changeLaunch(round.case) { $0.rounds.append(round) }
        case .closed(let closed):
            changeLaunch(closed.case) {
                $0.peakMemory = closed.peakMemoryBytes
                $0.isClosed = true
            }
        case .refused(let refused):
            change(refused.case) { $0.refusal = refused.reason }
        }
    }

    private mutating func append(_ id: String, round: Int?, _ samplesNs: [Int]) {
        guard let index = cases.firstIndex(where: { $0.id == id }) else { return }
        stretches.append(Stretch(index: index, round: round, samplesNs: samplesNs))
    }

    private mutating func change(_ id: String, _ change: (inout Case) -> Void) {
        guard let index = cases.firstIndex(where: { $0.id == id }) else { return }
        change(&cases[index])
    }

    private mutating func changeLaunch(_ id: String, _ change: (inout Launch) -> Void) {
        self.change(id) {
            guard let last = $0.launches.indices.last else { return }
            change(&$0.launches[last])
        }
    }
}
