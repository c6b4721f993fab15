import Foundation

/// The result JSON of the host (docs/benchmark-result.schema.json), from the records of a run: what
/// `mobilevit report` and `mobilevit compare` read.
///
/// It is what `mobilevit_benchmarks.collect` makes of them, as far as an app knows the same:
/// multiply-adds, parameters and accuracies of a model are left out.
///
/// - Parameters:
///   - records: in order.
///   - manifest: names the artifacts; nil where the plan was sent without its bundle.
///   - sizes: of the artifacts, bytes, by case id.
///   - stopped: why the run ended before its plan.
/// - Returns: its text; nil where no round of any case was timed.
public func resultJSON(
    of records: [Record], plan: Plan, manifest: Manifest?, sizes: [String: Int], created: Date,
    stopped: String? = nil
) throws -> String? {
    guard case .started(let started)? = records.first(where: \.isStarted) else { return nil }
    let subjects = plan.cases.map { Subject($0, manifest) }
    let measurements = subjects.compactMap { subject in
        Measurement(subject, size: sizes[subject.planned.id] ?? 0, records)
    }
    guard !measurements.isEmpty else { return nil }
    return try encodeLine(
        BenchmarkResult(
            created: created.ISO8601Format(),
            device: started.device,
            protocol: plan.protocol,
            measurements: measurements,
            sentinel: records.compactMap {
                if case .sentinel(let reading) = $0 { reading } else { nil }
            },
            states: records.compactMap {
                if case .state(let reading) = $0 { reading } else { nil }
            },
            notTimed: subjects.compactMap { NotTimed($0, records) },
            stopped: stopped
        ))
}

private struct BenchmarkResult: Encodable {
    let schemaVersion = 2
    let created: String
    let device: DeviceDescription
    let `protocol`: ProtocolSettings
    let measurements: [Measurement]
    let sentinel: [SentinelReading]
    let states: [Record.StateReading]
    let notTimed: [NotTimed]
    let stopped: String?

    private enum CodingKeys: String, CodingKey {
        case schemaVersion = "schema_version"
        case created, device, `protocol`, measurements, sentinel, states
        case notTimed = "not_timed"
        case stopped
    }
}

/// What is timed, as a result names it.
private struct Subject {
    let planned: PlannedCase
    let name: String
    /// File name.
    let artifact: String
    let model: ModelFacts

    init(_ planned: PlannedCase, _ manifest: Manifest?) {
        self.planned = planned
        let record = manifest?.artifacts.first { $0.sha256 == planned.artifactSha256 }
        let file = URL(fileURLWithPath: record?.file ?? planned.artifact)
        artifact = file.lastPathComponent
        name = record.map { "\($0.format) \($0.variant)" } ?? artifact
        model = ModelFacts(
            name: manifest?.model.name ?? file.deletingPathExtension().lastPathComponent,
            imageSize: manifest?.preprocessing.imageSize)
    }
}

private struct ModelFacts: Encodable {
    let name: String
    let imageSize: [Int]?

    private enum CodingKeys: String, CodingKey {
        case name
        case imageSize = "image_size"
    }
}

private struct Measurement: Encodable {
    let name: String
    let model: ModelFacts
    let artifact: String
    let artifactSha256: String
    let artifactBytes: Int
    let runtime: String
    let runtimeVersion: String
    let delegate: String
    let delegateRan: String
    let threads: Int
    let batch: Int
    let launches: [TimedLaunch]

    /// Nil where the case came to no round.
    init?(_ subject: Subject, size: Int, _ records: [Record]) {
        let planned = subject.planned
        let opened = records.compactMap { record in
            if case .opened(let opened) = record, opened.case == planned.id { opened } else { nil }
        }
        let told = opened.compactMap { opened in
            TimedLaunch(opened, records).map { (opened, $0) }
        }
        guard let (first, _) = told.first else { return nil }
        name = subject.name
        model = subject.model
        artifact = subject.artifact
        artifactSha256 = planned.artifactSha256
        artifactBytes = size
        runtime = planned.runtime
        runtimeVersion = first.runtimeVersion
        delegate = planned.delegate
        delegateRan = first.delegate
        threads = planned.threads
        batch = planned.batch
        launches = told.map(\.1)
    }

    private enum CodingKeys: String, CodingKey {
        case name, model, artifact
        case artifactSha256 = "artifact_sha256"
        case artifactBytes = "artifact_bytes"
        case runtime
        case runtimeVersion = "runtime_version"
        case delegate
        case delegateRan = "delegate_ran"
        case threads, batch, launches
    }
}

/// One opening that came to a round.
private struct TimedLaunch: Encodable {
    let opened: Record.Opened
    let warmedUp: Record.WarmedUp
    let rounds: [TimedRound]
    let closed: Record.Closed?

    init?(_ opened: Record.Opened, _ records: [Record]) {
        var warmedUp: Record.WarmedUp?
        var rounds: [TimedRound] = []
        var closed: Record.Closed?
        for record in records {
            switch record {
            case .warmedUp(let told) where told.case == opened.case && told.launch == opened.launch:
                warmedUp = told
            case .round(let told) where told.case == opened.case && told.launch == opened.launch:
                rounds.append(told)
            case .closed(let told) where told.case == opened.case && told.launch == opened.launch:
                closed = told
            default: continue
            }
        }
        guard let warmedUp, !rounds.isEmpty else { return nil }
        self.opened = opened
        self.warmedUp = warmedUp
        self.rounds = rounds
        self.closed = closed
    }

    private enum CodingKeys: String, CodingKey {
        case loadNs = "load_ns"
        case firstRunNs = "first_run_ns"
        case warmup, rounds
        case peakMemoryBytes = "peak_memory_bytes"
        case memoryRiseBytes = "memory_rise_bytes"
    }

    private enum RoundKeys: String, CodingKey {
        case number
        case startedNs = "started_ns"
        case samplesNs = "samples_ns"
        case capped
    }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(opened.loadNs, forKey: .loadNs)
        try fields.encode(opened.firstRunNs, forKey: .firstRunNs)
        var warmup = fields.nestedContainer(keyedBy: RoundKeys.self, forKey: .warmup)
        try warmup.encode(warmedUp.samplesNs, forKey: .samplesNs)
        try warmup.encode(warmedUp.capped, forKey: .capped)
        var items = fields.nestedUnkeyedContainer(forKey: .rounds)
        for round in rounds {
            var item = items.nestedContainer(keyedBy: RoundKeys.self)
            try item.encode(round.round, forKey: .number)
            try item.encode(round.startedNs, forKey: .startedNs)
            try item.encode(round.samplesNs, forKey: .samplesNs)
        }
        // null where it is not known, as the schema wants it
        try fields.encode(closed?.peakMemoryBytes, forKey: .peakMemoryBytes)
        try fields.encode(closed?.memoryRiseBytes, forKey: .memoryRiseBytes)
    }
}

private struct NotTimed: Encodable {
    let name: String
    let model: String
    let artifact: String
    let reason: String
    let refused = true

    /// Nil where the case was not refused; of one that was more than once, the last reason.
    init?(_ subject: Subject, _ records: [Record]) {
        let reasons = records.compactMap { record -> String? in
            guard case .refused(let refused) = record else { return nil }
            return refused.case == subject.planned.id ? refused.reason : nil
        }
        guard let reason = reasons.last else { return nil }
        name = subject.name
        model = subject.model.name
        artifact = subject.artifact
        self.reason = "\(subject.planned.runtime) (\(subject.planned.delegate)): \(reason)"
    }
}

extension Record {
    fileprivate var isStarted: Bool {
        if case .started = self { true } else { false }
    }
}
