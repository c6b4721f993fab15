import MobileViTCore

#if canImport(CoreML)
import MobileViTKit
#else
import MobileViTONNX
#endif

func availableRuntimes() throws -> [any InferenceRuntime] {
    #if canImport(CoreML)
    [try CoreMLRuntime()]
    #else
    [try OnnxRuntime()]
    #endif
}

func thisMachine() -> any Machine {
    #if canImport(CoreML)
    AppleMachine(runner: "mobilevit-bench")
    #else
    LinuxMachine(runner: "mobilevit-bench")
    #endif
}
