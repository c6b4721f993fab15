/// The records' file beside the plan: one JSON object per line.
public let recordsFile = "records.jsonl"

/// What a run tells, in the order in which things happen (docs/benchmark-record.schema.json).
///
/// Times are nanoseconds on one monotonic clock. Encoded flat, as an object whose `record` says which.
public enum Record: Codable, Sendable, Equatable {
    case started(Started)
    case state(StateReading)
    case opened(Opened)
    case warmedUp(WarmedUp)
    case round(TimedRound)
    case sentinel(SentinelReading)
    case closed(Closed)
    case refused(Refused)
    /// The last one: what the plan asked for was done, as far as nothing was refused.
    case ended

    public init(from decoder: any Decoder) throws {
        let kind = try decoder.container(keyedBy: AnyKey.self)
            .decode(String.self, forKey: AnyKey(stringValue: "record"))
        switch kind {
        case "started": self = .started(try .init(from: decoder))
        case "state": self = .state(try .init(from: decoder))
        case "opened": self = .opened(try .init(from: decoder))
        case "warmed_up": self = .warmedUp(try .init(from: decoder))
        case "round": self = .round(try .init(from: decoder))
        case "sentinel": self = .sentinel(try .init(from: decoder))
        case "closed": self = .closed(try .init(from: decoder))
        case "refused": self = .refused(try .init(from: decoder))
        case "ended": self = .ended
        default:
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "no record is a `\(kind)`"))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .started(let fields): try encode("started", fields, to: encoder)
        case .state(let fields): try encode("state", fields, to: encoder)
        case .opened(let fields): try encode("opened", fields, to: encoder)
        case .warmedUp(let fields): try encode("warmed_up", fields, to: encoder)
        case .round(let fields): try encode("round", fields, to: encoder)
        case .sentinel(let fields): try encode("sentinel", fields, to: encoder)
        case .closed(let fields): try encode("closed", fields, to: encoder)
        case .refused(let fields): try encode("refused", fields, to: encoder)
        case .ended: try encode("ended", nil, to: encoder)
        }
    }

    private func encode(
        _ kind: String, _ fields: (any Encodable)?, to encoder: any Encoder
    ) throws {
        var record = encoder.container(keyedBy: AnyKey.self)
        try record.encode(kind, forKey: AnyKey(stringValue: "record"))
        try fields?.encode(to: encoder)
    }

    /// Of any name, so that the kind can be looked at before the rest.
    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

extension Record {
    public struct Started: Codable, Sendable, Equatable {
        private(set) var schemaVersion = 1
        public let run: String
        public let device: DeviceDescription

        public init(run: String, device: DeviceDescription) {
            self.run = run
            self.device = device
        }

        private enum CodingKeys: String, CodingKey {
            case schemaVersion = "schema_version"
            case run, device
        }
    }

    /// Taken before the first launch, after the last, and after every round of sustained mode.
    public struct StateReading: Codable, Sendable, Equatable {
        public let atNs: Int
        public let state: DeviceState

        public init(atNs: Int, state: DeviceState) {
            self.atNs = atNs
            self.state = state
        }

        private enum CodingKeys: String, CodingKey {
            case atNs = "at_ns"
            case state
        }
    }

    public struct Opened: Codable, Sendable, Equatable {
        public let `case`: String
        public let launch: Int
        public let runtimeVersion: String
        /// What really runs it, in the runtime's words.
        public let delegate: String
        public let loadNs: Int
        public let firstRunNs: Int

        public init(
            case: String, launch: Int, runtimeVersion: String, delegate: String, loadNs: Int,
            firstRunNs: Int
        ) {
            self.case = `case`
            self.launch = launch
            self.runtimeVersion = runtimeVersion
            self.delegate = delegate
            self.loadNs = loadNs
            self.firstRunNs = firstRunNs
        }

        private enum CodingKeys: String, CodingKey {
            case `case`, launch
            case runtimeVersion = "runtime_version"
            case delegate
            case loadNs = "load_ns"
            case firstRunNs = "first_run_ns"
        }
    }

    public struct WarmedUp: Codable, Sendable, Equatable {
        public let `case`: String
        public let launch: Int
        public let samplesNs: [Int]
        /// Stopped by the cap, before the times settled.
        public let capped: Bool

        public init(case: String, launch: Int, samplesNs: [Int], capped: Bool) {
            self.case = `case`
            self.launch = launch
            self.samplesNs = samplesNs
            self.capped = capped
        }

        private enum CodingKeys: String, CodingKey {
            case `case`, launch
            case samplesNs = "samples_ns"
            case capped
        }
    }

    public struct Closed: Codable, Sendable, Equatable {
        public let `case`: String
        public let launch: Int
        /// Resident, of the whole process; nil: nobody can tell what this case took.
        public let peakMemoryBytes: Int?
        /// Of that, above what was resident before loading.
        public let memoryRiseBytes: Int?

        public init(case: String, launch: Int, peakMemoryBytes: Int?, memoryRiseBytes: Int?) {
            self.case = `case`
            self.launch = launch
            self.peakMemoryBytes = peakMemoryBytes
            self.memoryRiseBytes = memoryRiseBytes
        }

        private enum CodingKeys: String, CodingKey {
            case `case`, launch
            case peakMemoryBytes = "peak_memory_bytes"
            case memoryRiseBytes = "memory_rise_bytes"
        }

        /// With `null` where it is not known, as the schema wants it.
        public func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encode(`case`, forKey: .case)
            try fields.encode(launch, forKey: .launch)
            try fields.encode(peakMemoryBytes, forKey: .peakMemoryBytes)
            try fields.encode(memoryRiseBytes, forKey: .memoryRiseBytes)
        }
    }

    /// The runtime does not open or run an artifact; the other cases go on without it.
    public struct Refused: Codable, Sendable, Equatable {
        public let `case`: String
        /// One line.
        public let reason: String

        public init(case: String, reason: String) {
            self.case = `case`
            self.reason = reason
        }
    }
}

/// Runs of one case, back to back; `round` counts over all launches.
public struct TimedRound: Codable, Sendable, Equatable {
    public let `case`: String
    public let launch: Int
    public let round: Int
    public let startedNs: Int
    /// In the order of the runs; at least one.
    public let samplesNs: [Int]

    public init(case: String, launch: Int, round: Int, startedNs: Int, samplesNs: [Int]) {
        self.case = `case`
        self.launch = launch
        self.round = round
        self.startedNs = startedNs
        self.samplesNs = samplesNs
    }

    private enum CodingKeys: String, CodingKey {
        case `case`, launch, round
        case startedNs = "started_ns"
        case samplesNs = "samples_ns"
    }
}

/// A fixed piece of work, timed between the rounds.
public struct SentinelReading: Codable, Sendable, Equatable {
    public let startedNs: Int
    /// At least one.
    public let samplesNs: [Int]

    public init(startedNs: Int, samplesNs: [Int]) {
        self.startedNs = startedNs
        self.samplesNs = samplesNs
    }

    private enum CodingKeys: String, CodingKey {
        case startedNs = "started_ns"
        case samplesNs = "samples_ns"
    }
}
