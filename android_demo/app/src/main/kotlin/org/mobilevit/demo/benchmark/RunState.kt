package org.mobilevit.demo.benchmark

/** Why a run ended before its plan; [text] is what its result says for good, in English. */
enum class StopReason(val text: String) {
    PERSON("stopped by the person at the phone"),
    BACKGROUND("the app went to the background"),
    LEFT("the screen was left"),
    MEMORY("the phone ran low on memory"),
}

/** Why there is nothing to show of a run. */
sealed interface Failure {
    /** The runtime, or its delegate, does not take the artifact. */
    data class Refused(val reason: String) : Failure

    /** The bundle is not as it was exported. */
    data class Damaged(val message: String, val hint: String?) : Failure

    /** It ended before its first round. */
    data class StoppedEarly(val reason: StopReason) : Failure

    data object OutOfMemory : Failure

    /** The files that a run needs cannot be written; [message] is the system's. */
    data class Disk(val message: String) : Failure
}

/** What the benchmark screen shows. */
sealed interface RunState {
    /** The bundle is being read. */
    data object Opening : RunState

    /** There is nothing that could be measured. */
    data class Unavailable(val message: String, val hint: String?) : RunState

    /** [usual] is what the app runs elsewhere. */
    data class Ready(val offers: List<Offer>, val usual: Choice) : RunState

    data class Running(
        val choice: Choice,
        val conditions: Set<Condition>,
        val trace: Trace = Trace(),
        /** It ends after the run of the model that is under way. */
        val stopping: StopReason? = null,
    ) : RunState

    /** [json] is the host's BenchmarkResult. */
    data class Finished(
        val choice: Choice,
        val conditions: Set<Condition>,
        val trace: Trace,
        val figures: Figures,
        val stopped: StopReason?,
        val created: String,
        val json: String,
    ) : RunState

    data class Failed(val choice: Choice, val failure: Failure) : RunState
}
