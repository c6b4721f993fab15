import MobileViTCore

/// Something that is so, and its name.
public struct Fact: Sendable, Equatable, Identifiable {
    public let name: String
    public let value: String

    public var id: String { name }
}

/// What runs here.
func facts(
    of model: OpenModel, appVersion: String, _ figures: Figures
) -> [Fact] {
    let (classifier, runtime) = (model.classifier, model.runtime)
    let manifest = classifier.bundle.manifest
    let artifact = classifier.artifact
    let labels = manifest.labels.count
    let kinds = labels == 1 ? "kind of thing" : "kinds of things"
    return [
        Fact(name: "Model", value: manifest.model.name),
        Fact(name: "File", value: "\(artifact.file) (\(artifact.variant))"),
        Fact(name: "Runtime", value: "\(title(ofRuntime: runtime.name)) \(runtime.version)"),
        Fact(name: "Runs on", value: classifier.delegate),
        Fact(
            name: "Allowed difference", value: figures.twoDigits(artifact.maxAbsDifference)),
        Fact(name: "Knows", value: "\(figures.count(labels)) \(kinds)"),
        // as much of a hash as tells two bundles apart
        Fact(name: "Bundle", value: String(manifest.digest.prefix(12))),
        Fact(name: "App", value: appVersion),
    ]
}
