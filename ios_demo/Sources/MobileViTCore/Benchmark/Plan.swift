import Foundation

/// The plan's file in its folder.
public let planFile = "plan.json"

/// `plan.json` (docs/benchmark-plan.schema.json): what the host asks for.
public struct Plan: Codable, Sendable, Equatable {
    /// Twelve hexadecimal digits, which the records repeat.
    public let run: String
    public let `protocol`: ProtocolSettings
    public let cases: [PlannedCase]

    public init(run: String, protocol: ProtocolSettings = .init(), cases: [PlannedCase]) {
        self.run = run
        self.protocol = `protocol`
        self.cases = cases
    }

    /// Twelve digits for a plan that is made here.
    public static func drawRun() -> String {
        let drawn = String(UInt64.random(in: 0..<1 << 48), radix: 16)
        return String(repeating: "0", count: 12 - drawn.count) + drawn
    }
}

/// The numbers of the protocol; the defaults are those of `mobilevit_benchmarks/plan.py`.
public struct ProtocolSettings: Codable, Sendable, Equatable {
    /// How often each case is opened anew.
    public var launches: Int
    /// Of each case, spread over its launches.
    public var rounds: Int
    public var warmupMinRuns: Int
    public var warmupMinS: Double
    public var warmupCapS: Double
    public var warmupAgreement: Double
    public var roundMinRuns: Int
    public var roundMinS: Double
    public var sentinelMinS: Double
    /// Sustained mode: each case alone for this long, in rounds of `sustainedWindowS`.
    public var sustainedS: Double?
    public var sustainedWindowS: Double
    public var seed: Int

    public init(
        launches: Int = 5, rounds: Int = 20, warmupMinRuns: Int = 15, warmupMinS: Double = 0.25,
        warmupCapS: Double = 5, warmupAgreement: Double = 0.04, roundMinRuns: Int = 5,
        roundMinS: Double = 0.1, sentinelMinS: Double = 0.01, sustainedS: Double? = nil,
        sustainedWindowS: Double = 1, seed: Int = 0
    ) {
        self.launches = launches
        self.rounds = rounds
        self.warmupMinRuns = warmupMinRuns
        self.warmupMinS = warmupMinS
        self.warmupCapS = warmupCapS
        self.warmupAgreement = warmupAgreement
        self.roundMinRuns = roundMinRuns
        self.roundMinS = roundMinS
        self.sentinelMinS = sentinelMinS
        self.sustainedS = sustainedS
        self.sustainedWindowS = sustainedWindowS
        self.seed = seed
    }
}

/// One artifact on one runtime, with one delegate, number of threads and batch.
public struct PlannedCase: Codable, Sendable, Equatable {
    /// Of this plan: one to four digits.
    public let id: String
    /// Path in the plan's folder.
    public let artifact: String
    public let artifactSha256: String
    public let runtime: String
    /// One of the runtime's; the predictor says which one really ran.
    public let delegate: String
    public let threads: Int
    public let batch: Int
    /// Nil: the device draws them, floats uniform in 0..255, bytes over their whole range.
    public let feeds: [PlannedFeed]?

    public init(
        id: String, artifact: String, artifactSha256: String, runtime: String, delegate: String,
        threads: Int = 1, batch: Int = 1, feeds: [PlannedFeed]? = nil
    ) {
        self.id = id
        self.artifact = artifact
        self.artifactSha256 = artifactSha256
        self.runtime = runtime
        self.delegate = delegate
        self.threads = threads
        self.batch = batch
        self.feeds = feeds
    }
}

/// One input's array: a file of its bytes, little-endian, in C order.
public struct PlannedFeed: Codable, Sendable, Equatable {
    public let name: String
    /// As NumPy names it; more of them than `DType` has.
    public let dtype: String
    public let shape: [Int]
    /// Path in the plan's folder.
    public let file: String

    public init(name: String, dtype: String, shape: [Int], file: String) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.file = file
    }
}
