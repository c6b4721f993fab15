#if canImport(CoreML)
import CoreML

/// What Core ML may compute on, under the names that plans and results have for it (`UNITS` of
/// mobilevit/runtimes/coreml.py), the default first.
let computeUnits: KeyValuePairs<String, MLComputeUnits> = [
    "all": .all,
    "cpu+ne": .cpuAndNeuralEngine,
    "cpu+gpu": .cpuAndGPU,
    "cpu": .cpuOnly,
]

extension MLComputeUnits {
    /// Nil for what later systems add.
    var delegate: String? { computeUnits.first { $0.value == self }?.key }
}
#endif
