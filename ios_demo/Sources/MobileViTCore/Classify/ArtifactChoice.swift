/// The artifact to open of a bundle: the one of this file name, or the one that the runtime prefers.
///
/// Of Core ML's that is fp16, which is smaller and what the Neural Engine computes in; of others fp32,
/// as fp16 is slow without hardware for it.
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
        if let preferred = artifacts.min(by: { preference($0) < preference($1) }) {
            return preferred
        }
    }
    let held = bundle.manifest.artifacts.map { "`\($0.file)`" }.joined(separator: ", ")
    throw nothingOpens("any of \(held)", runtime)
}

/// Smaller is better.
private func preference(_ artifact: ArtifactRecord) -> Int {
    let precisions = artifact.format == "coreml" ? ["fp16", "fp32"] : ["fp32", "fp16"]
    return precisions.firstIndex(of: artifact.precision) ?? precisions.count
}

private func nothingOpens(_ what: String, _ runtime: any InferenceRuntime) -> MobileViTError {
    MobileViTError(
        .input, "no runtime here opens \(what)",
        hint: "the runtime here: \(runtime.name) (\(runtime.suffixes.joined(separator: ", ")))")
}
