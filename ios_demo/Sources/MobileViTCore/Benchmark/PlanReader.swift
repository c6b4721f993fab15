import Foundation

/// Reads `plan.json` as its schema has it: nothing else in it, and no path that leaves the folder.
///
/// - Throws: `MobileViTError` of kind `input`: not a plan, or one of another schema version.
public func readPlan(_ bytes: Data) throws -> Plan {
    do {
        // before all else: a newer plan may have anything in it
        try checkVersion(bytes)
        return try decodeStrictly(Plan.self, from: bytes)
    } catch let error as DecodingError {
        throw MobileViTError(
            .input, "`\(planFile)` is not a benchmark plan: \(error.fault)", hint: sameRelease)
    }
}

private let planVersion = 1
private let sameRelease = "take the app and the host's tools of one release"

private func checkVersion(_ bytes: Data) throws {
    guard case .object(let fields) = try parseJSON(bytes) else { return }
    guard let version = fields["schema_version"], version != .number("\(planVersion)") else {
        return
    }
    var told = "that is no number"
    if case .number(let digits) = version { told = digits }
    throw MobileViTError(
        .input,
        "`\(planFile)` has schema version \(told), and this release reads \(planVersion)",
        hint: sameRelease
    )
}

extension Plan {
    private enum CodingKeys: String, CodingKey {
        case schemaVersion = "schema_version"
        case run, `protocol`, cases
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        // its value was checked before all else
        _ = try fields.decodeIfPresent(Int.self, forKey: .schemaVersion)
        run = try fields.text(.run, like: runPattern)
        `protocol` = try fields.decode(ProtocolSettings.self, forKey: .protocol)
        cases = try fields.decode([PlannedCase].self, forKey: .cases)
        guard !cases.isEmpty else { throw fields.fault(.cases, "there is none") }
        var known: Set<String> = []
        if let again = cases.firstIndex(where: { !known.insert($0.id).inserted }) {
            let path = [CodingKeys.cases.stringValue, "\(again)", "id"].map(Step.init(stringValue:))
            throw DecodingError.fault("another has it", at: fields.codingPath + path)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(planVersion, forKey: .schemaVersion)
        try fields.encode(run, forKey: .run)
        try fields.encode(`protocol`, forKey: .protocol)
        try fields.encode(cases, forKey: .cases)
    }
}

extension ProtocolSettings {
    private enum CodingKeys: String, CodingKey {
        case launches, rounds
        case warmupMinRuns = "warmup_min_runs"
        case warmupMinS = "warmup_min_s"
        case warmupCapS = "warmup_cap_s"
        case warmupAgreement = "warmup_agreement"
        case roundMinRuns = "round_min_runs"
        case roundMinS = "round_min_s"
        case sentinelMinS = "sentinel_min_s"
        case sustainedS = "sustained_s"
        case sustainedWindowS = "sustained_window_s"
        case seed
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        launches = try fields.ifThere(.launches, fields.count) ?? launches
        rounds = try fields.ifThere(.rounds, fields.count) ?? rounds
        warmupMinRuns = try fields.ifThere(.warmupMinRuns, fields.count) ?? warmupMinRuns
        warmupMinS = try fields.ifThere(.warmupMinS, fields.notNegative) ?? warmupMinS
        warmupCapS = try fields.ifThere(.warmupCapS, fields.positive) ?? warmupCapS
        warmupAgreement = try fields.ifThere(.warmupAgreement, fields.positive) ?? warmupAgreement
        roundMinRuns = try fields.ifThere(.roundMinRuns, fields.count) ?? roundMinRuns
        roundMinS = try fields.ifThere(.roundMinS, fields.notNegative) ?? roundMinS
        sentinelMinS = try fields.ifThere(.sentinelMinS, fields.notNegative) ?? sentinelMinS
        sustainedS = try fields.decodeIfPresent(Double.self, forKey: .sustainedS)
        if sustainedS != nil { sustainedS = try fields.positive(.sustainedS) }
        sustainedWindowS =
            try fields.ifThere(.sustainedWindowS, fields.positive) ?? sustainedWindowS
        seed = try fields.ifThere(.seed) { try fields.integer($0, atLeast: 0) } ?? seed
    }
}

extension PlannedCase {
    private enum CodingKeys: String, CodingKey {
        case id, artifact
        case artifactSha256 = "artifact_sha256"
        case runtime, delegate, threads, batch, feeds
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        id = try fields.text(.id, like: "^[0-9]{1,4}$")
        artifact = try fields.text(.artifact, like: filePath)
        artifactSha256 = try fields.text(.artifactSha256, like: "^[0-9a-f]{64}$")
        runtime = try fields.decode(String.self, forKey: .runtime)
        delegate = try fields.decode(String.self, forKey: .delegate)
        threads = try fields.count(.threads)
        batch = try fields.count(.batch)
        // it must be said, if only that there are none
        feeds = try fields.decode([PlannedFeed]?.self, forKey: .feeds)
    }

    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(id, forKey: .id)
        try fields.encode(artifact, forKey: .artifact)
        try fields.encode(artifactSha256, forKey: .artifactSha256)
        try fields.encode(runtime, forKey: .runtime)
        try fields.encode(delegate, forKey: .delegate)
        try fields.encode(threads, forKey: .threads)
        try fields.encode(batch, forKey: .batch)
        try fields.encode(feeds, forKey: .feeds)
    }
}

extension PlannedFeed {
    private enum CodingKeys: String, CodingKey {
        case name, dtype, shape, file
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        name = try fields.decode(String.self, forKey: .name)
        dtype = try fields.text(.dtype, like: "^(u?int(8|16|32|64)|float(16|32|64))$")
        shape = try fields.decode([Int].self, forKey: .shape)
        guard shape.allSatisfy({ $0 > 0 }) else {
            throw fields.fault(.shape, "Input should be greater than 0")
        }
        file = try fields.text(.file, like: filePath)
    }
}

/// Of the names of runs, which are those of their folders too.
let runPattern = "^[0-9a-f]{12}$"

extension String {
    /// Whether a pattern with its anchors fits the whole of it.
    func matches(_ pattern: String) -> Bool {
        // `$` alone would take a line feed at the end
        range(of: pattern, options: .regularExpression) == startIndex..<endIndex
    }
}

/// No separator but `/`, no part that begins with a dot: a path within the folder.
private let filePath = "^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$"

extension KeyedDecodingContainer {
    /// Nil only where the field is left out: a null is read, and refused.
    fileprivate func ifThere<Value>(_ key: Key, _ read: (Key) throws -> Value) throws -> Value? {
        contains(key) ? try read(key) : nil
    }

    /// - Parameter pattern: with its anchors, as the host's schema has it.
    fileprivate func text(_ key: Key, like pattern: String) throws -> String {
        let text = try decode(String.self, forKey: key)
        guard text.matches(pattern) else {
            throw fault(key, "String should match pattern '\(pattern)'")
        }
        return text
    }

    fileprivate func integer(_ key: Key, atLeast least: Int) throws -> Int {
        let value = try decode(Int.self, forKey: key)
        guard value >= least else {
            throw fault(key, "Input should be greater than or equal to \(least)")
        }
        return value
    }

    fileprivate func count(_ key: Key) throws -> Int { try integer(key, atLeast: 1) }

    fileprivate func positive(_ key: Key) throws -> Double {
        let value = try decode(Double.self, forKey: key)
        guard value > 0 else { throw fault(key, "Input should be greater than 0") }
        return value
    }

    fileprivate func notNegative(_ key: Key) throws -> Double {
        let value = try decode(Double.self, forKey: key)
        guard value >= 0 else { throw fault(key, "Input should be greater than or equal to 0") }
        return value
    }

    fileprivate func fault(_ key: Key, _ what: String) -> DecodingError {
        .dataCorruptedError(forKey: key, in: self, debugDescription: what)
    }
}
