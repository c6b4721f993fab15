/// The artifact to open of a bundle: the one of this file name, or the one that the runtime prefers.
///
/// Of Core ML's that is fp16, which is smaller and what the Neural Engine computes in; of others fp32,
/// as fp16 is slow without hardware for it. Compressed ones come after both, what the export found fault
/// with last.
///
/// - Throws: `MobileViTError` of kind `bundle`: there is no such artifact; of kind `input`: the runtime
///   does not open it, or any.
public func chooseArtifact(
    of bundle: ModelBundle, for runtime: any InferenceRuntime, named file: String? = nil
) throws -> ArtifactRecord {
    if let file {
        let artifact = try bundle.artifact(file)
        guard runtime.suffixes.contains(where: artifact.file.hasSuffix) else {
            throw nothingOpens("`\(file)`", runtime)
        }
        return artifact
    }
    for suffix in runtime.suffixes {
        let artifacts = bundle.manifest.artifacts.filter { $0.file.hasSuffix(suffix) }
        if let preferred = preferred(artifacts) { return preferred }
    }
    let held = bundle.manifest.artifacts.map { "`\($0.file)`" }.joined(separator: ", ")
    throw nothingOpens("any of \(held)", runtime)
}

/// Of those of one format; nil where there are none.
func preferred(_ artifacts: [ArtifactRecord]) -> ArtifactRecord? {
    artifacts.min { preference($0) < preference($1) }
}

/// Smaller is better: without a fault, of a better precision, of a plain graph.
private func preference(_ artifact: ArtifactRecord) -> (Int, Int, Int) {
    let floats = artifact.format == "coreml" ? ["fp16", "fp32"] : ["fp32", "fp16"]
    let precisions = floats + ["int8-weights", "int8", "palette6", "palette4"]
    return (
        artifact.sibling?.faults.isEmpty ?? true ? 0 : 1,
        precisions.firstIndex(of: artifact.precision) ?? precisions.count,
        artifact.layout == .plain ? 0 : 1
    )
}

private func nothingOpens(_ what: String, _ runtime: any InferenceRuntime) -> MobileViTError {
    MobileViTError(
        .input, "no runtime here opens \(what)",
        hint: "the runtime here: \(runtime.name) (\(runtime.suffixes.joined(separator: ", ")))")
}
