import Foundation

/// One opening of a case: what runs its artifact, fed.
final class Launch {
    private let predictor: any Predictor
    private let runtimeVersion: String
    private let loadNs: Int
    private let before: Memory

    private struct Memory {
        let resident: Int?
        let peak: Int?
    }

    /// Asks the runtime to open the artifact. Hashing it is not in the time of loading.
    ///
    /// - Throws: `MobileViTError`: something is refused. `CancellationError`.
    init(
        _ planned: PlannedCase, folder: URL, runtimes: [any InferenceRuntime],
        machine: any Machine, seed: Int
    ) async throws {
        guard let runtime = runtimes.first(where: { $0.name == planned.runtime }) else {
            throw MobileViTError(.refused, "this device has no runtime `\(planned.runtime)`")
        }
        let artifact = folder.appendingPathComponent(planned.artifact)
        try check(artifact, isPlanned: planned)
        runtimeVersion = runtime.version
        before = Memory(resident: machine.residentMemory(), peak: machine.peakMemory())
        let start = monotonicNs()
        predictor = try await runtime.load(
            artifact, sha256: planned.artifactSha256, threads: planned.threads,
            delegate: planned.delegate)
        loadNs = max(1, monotonicNs() - start)
        try predictor.feed(
            try feeds(
                planned.feeds, folder: folder, inputs: predictor.inputs, batch: planned.batch,
                seed: seed))
    }

    /// Runs once, and gives the nanoseconds that took. Copies into and out of the runtime are in
    /// them, as they are in an app's.
    func takeNs() throws -> Int { try timed { try predictor.run() } }

    /// The first run is timed alone: runtimes put off work until then.
    func firstRun(_ planned: PlannedCase, launch: Int) throws -> Record.Opened {
        Record.Opened(
            case: planned.id, launch: launch, runtimeVersion: runtimeVersion,
            delegate: predictor.delegate, loadNs: loadNs, firstRunNs: try takeNs())
    }

    /// The most that was resident, and how much of it is above what was before loading; nil where
    /// the machine does not tell, or nothing since the opening reached a new peak.
    func peakMemory(_ machine: any Machine) -> (bytes: Int, rise: Int)? {
        guard let peak = machine.peakMemory(), let resident = before.resident,
            let earlier = before.peak, peak > earlier
        else { return nil }
        return (peak, max(0, peak - resident))
    }
}

/// - Throws: `MobileViTError` of kind `input`: missing, or not the file that was planned.
private func check(_ artifact: URL, isPlanned planned: PlannedCase) throws {
    let sha256: String
    do {
        sha256 = try hashArtifact(artifact)
    } catch let error as MobileViTError {
        // of a plan's folder, where exporting again would not help
        throw MobileViTError(.input, error.message, hint: "send the plan again")
    }
    guard sha256 == planned.artifactSha256 else {
        throw MobileViTError(
            .input,
            "`\(planned.artifact)` is not the file that was planned: its SHA-256 is another",
            hint: "send the plan again"
        )
    }
}
