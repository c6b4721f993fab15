import Foundation
import MobileViTCore

/// What the app is given of where it runs.
@MainActor
public struct Surroundings {
    let bundle: URL
    let runtime: @Sendable () throws -> any InferenceRuntime
    let artifact: String?
    let delegate: String?
    let decode: @Sendable (Data) throws -> RGBImage
    let memory: UserDefaults
    let version: String
    let locale: Locale
    let say: @MainActor (String) -> Void
    let machine: any Machine
    let results: URL
    let runs: URL
    let benchmarks: BenchmarkSurroundings

    /// - Parameters:
    ///   - bundle: folder that `mobilevit embed` puts into the app.
    ///   - runtime: what opens the bundle's artifact; called off the main thread.
    ///   - artifact: file name of one of the bundle's; nil: the one that the runtime prefers.
    ///   - delegate: one of the runtime's; nil: its first.
    ///   - decode: the bytes of an image file, made an upright image.
    ///   - memory: what outlives the process.
    ///   - version: of the app.
    ///   - locale: whose notation numbers have.
    ///   - machine: what benchmarks run on.
    ///   - results: a folder for results that may be shared, and for nothing else.
    ///   - runs: the folder of runs that a computer asks for.
    ///   - benchmarks: what only the app knows of what spoils a benchmark.
    ///   - say: has a screen reader say something, where one is on.
    public init(
        bundle: URL, runtime: @escaping @Sendable () throws -> any InferenceRuntime,
        artifact: String? = nil, delegate: String? = nil,
        decode: @escaping @Sendable (Data) throws -> RGBImage,
        memory: UserDefaults, version: String, locale: Locale, machine: any Machine, results: URL,
        runs: URL, benchmarks: BenchmarkSurroundings = .init(),
        say: @escaping @MainActor (String) -> Void
    ) {
        self.bundle = bundle
        self.runtime = runtime
        self.artifact = artifact
        self.delegate = delegate
        self.decode = decode
        self.memory = memory
        self.version = version
        self.locale = locale
        self.machine = machine
        self.results = results
        self.runs = runs
        self.benchmarks = benchmarks
        self.say = say
    }
}
