import MobileViTCore

/// What a person wants measured: each of the artifacts on each of the delegates, in turns.
public struct BenchmarkChoice: Sendable, Equatable {
    /// File names in the bundle; at least one.
    public internal(set) var artifacts: [String]
    /// Of the runtime; at least one.
    public internal(set) var delegates: [String]
    public internal(set) var mode: BenchmarkMode
}

/// An artifact on a delegate, as one case of a plan.
struct BenchmarkCase: Sendable, Equatable {
    /// Of its plan.
    let id: String
    let artifact: ArtifactRecord
    let delegate: String
    /// What tells it from the others that are measured beside it.
    let title: String
}

/// What can be measured, and what is chosen of it.
public struct BenchmarkSetup: Sendable, Equatable {
    /// Those that the runtime opens.
    let artifacts: [ArtifactRecord]
    let delegates: [String]
    let runtime: String
    public internal(set) var choice: BenchmarkChoice
    /// What would spoil the figures now.
    public internal(set) var conditions: [BenchmarkCondition]

    /// Chosen at first is what the app runs elsewhere.
    ///
    /// - Throws: `MobileViTError`: there is nothing that the runtime opens.
    init(_ bundle: ModelBundle, runtime: any InferenceRuntime) throws {
        let usual = try chooseArtifact(of: bundle, for: runtime)
        // in the runtime's order of formats, then in the manifest's
        artifacts = runtime.suffixes.flatMap { suffix in
            bundle.manifest.artifacts.filter { $0.file.hasSuffix(suffix) }
        }
        delegates = runtime.delegates
        self.runtime = runtime.name
        choice = BenchmarkChoice(
            artifacts: [usual.file], delegates: Array(delegates.prefix(1)), mode: .quick)
        conditions = []
    }

    /// One for each artifact and delegate that is chosen, in the order in which they are offered.
    var cases: [BenchmarkCase] {
        let chosen = artifacts.filter { choice.artifacts.contains($0.file) }
        let pairs = chosen.flatMap { artifact in
            delegates.filter(choice.delegates.contains).map { (artifact, $0) }
        }
        return pairs.enumerated().map { index, pair in
            let (artifact, delegate) = pair
            let title = delegateTitle(delegate)
            return BenchmarkCase(
                id: String(index), artifact: artifact, delegate: delegate,
                title: chosen.count == 1 ? title : "\(name(of: artifact)), \(title)")
        }
    }

    /// Its precision and layout, or its file where these do not tell it from another.
    func name(of artifact: ArtifactRecord) -> String {
        let alike = artifacts.filter { $0.variant == artifact.variant }
        return alike.count == 1 ? artifact.variant : artifact.file
    }

    /// Chooses it, or no more; the last one stays.
    mutating func toggle(artifact file: String) {
        guard artifacts.contains(where: { $0.file == file }) else { return }
        choice.artifacts.toggleUnlessLast(file)
    }

    /// Chooses it, or no more; the last one stays.
    mutating func toggle(delegate: String) {
        guard delegates.contains(delegate) else { return }
        choice.delegates.toggleUnlessLast(delegate)
    }
}

extension [String] {
    fileprivate mutating func toggleUnlessLast(_ element: String) {
        if self == [element] { return }
        if contains(element) {
            removeAll { $0 == element }
        } else {
            append(element)
        }
    }
}
