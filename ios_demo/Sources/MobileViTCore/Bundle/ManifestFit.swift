extension Manifest {
    /// What the fields must agree on: `_fits_together` of mobilevit/bundle.py.
    func checkFit() throws {
        let count = labels.count
        for artifact in artifacts { try checkFit(of: artifact) }
        if Set(artifacts.map(\.file)).count != artifacts.count {
            throw misfit("two artifacts are the same file")
        }
        for image in golden where image.probabilities.count != count {
            throw misfit(
                "`\(image.file)` has \(image.probabilities.count) probabilities, "
                    + "there are \(count) labels")
        }
        if !classes.isEmpty, classes.count != count {
            throw misfit("\(classes.count) classes, and \(count) labels")
        }
    }

    private func checkFit(of artifact: ArtifactRecord) throws {
        let (input, output) = (artifact.input, artifact.output)
        if output.shape.last != labels.count {
            throw misfit(
                "`\(artifact.file)` gives \(tuple(output.shape)), there are \(labels.count) labels")
        }
        let (height, width) = (preprocessing.height, preprocessing.width)
        let image: [Int]? =
            switch input.layout {
            case "NHWC": [height, width, 3]
            case "NCHW": [3, height, width]
            default: nil
            }
        if Array(input.shape.dropFirst()) != image {
            throw misfit(
                "`\(artifact.file)` takes \(tuple(input.shape)), \(input.layout), "
                    + "images are \(height)x\(width)")
        }
    }
}

private func misfit(_ reason: String) -> DecodingError { .fault(reason, at: []) }

/// As Python writes it.
private func tuple(_ shape: [Int]) -> String {
    let sides = shape.map(String.init).joined(separator: ", ")
    return shape.count == 1 ? "(\(sides),)" : "(\(sides))"
}
