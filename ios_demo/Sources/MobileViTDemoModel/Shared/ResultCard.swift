import MobileViTCore

/// A result in words: what the card of a photo or of the camera shows.
public struct ResultCard: Sendable, Equatable {
    public struct Row: Sendable, Equatable {
        public let label: String
        /// Whole percent, with the sign.
        public let percent: String
    }

    public let first: Row
    /// Of the likeliest label, 0...1.
    public let confidence: Double
    /// The next likely, the likelier first.
    public let runnersUp: [Row]
    /// What it took, and on what.
    public internal(set) var timing: String
    /// Why it does not run on what was asked for; nil: it does.
    public let refusal: String?
    /// What a screen reader says: labels and percentages. Times are told to who looks.
    public let spoken: String
}

extension ResultCard {
    /// Nil where there is no label at all.
    init?(_ result: Classification, by model: OpenModel, _ figures: Figures) {
        guard let first = result.predictions.first else { return nil }
        let rows = result.predictions.map {
            Row(label: $0.label, percent: figures.percent($0.probability))
        }
        self.first = Row(label: first.label, percent: figures.percent(first.probability))
        confidence = Double(min(max(first.probability, 0), 1))
        runnersUp = Array(rows.dropFirst())
        timing = ResultCard.timing(result, by: model, figures)
        refusal = model.classifier.refusal.map { "Not on what was asked for: \($0)." }
        let said = rows.map { "\($0.label), \($0.percent)" }
        spoken =
            said.count == 1
            ? said[0] : "\(said[0]). Then: \(said.dropFirst().joined(separator: "; "))"
    }

    private static func timing(
        _ result: Classification, by model: OpenModel, _ figures: Figures
    ) -> String {
        let inference = figures.milliseconds(result.inferenceNs)
        let all = figures.milliseconds(result.inferenceNs + result.preprocessNs)
        let runtime = title(ofRuntime: model.runtime.name)
        return "\(inference) ms (\(all) ms in all) · \(runtime) · \(model.classifier.delegate)"
    }
}
