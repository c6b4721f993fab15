/// One label with its probability, 0..1.
public struct Prediction: Sendable, Equatable, Codable {
    public let index: Int
    public let label: String
    public let probability: Float

    public init(index: Int, label: String, probability: Float) {
        self.index = index
        self.label = label
        self.probability = probability
    }
}

/// The most probable labels, most probable first, and what it took.
public struct Classification: Sendable, Equatable {
    public let predictions: [Prediction]
    public let preprocessNs: Int
    public let inferenceNs: Int

    public init(predictions: [Prediction], preprocessNs: Int, inferenceNs: Int) {
        self.predictions = predictions
        self.preprocessNs = preprocessNs
        self.inferenceNs = inferenceNs
    }
}
