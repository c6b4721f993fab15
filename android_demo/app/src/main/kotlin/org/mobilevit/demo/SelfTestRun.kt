package org.mobilevit.demo

import android.content.SharedPreferences
import java.util.concurrent.Executor
import org.mobilevit.MobileViTException
import org.mobilevit.android.MobileViTClassifier
import org.mobilevit.classify.SelfTestResult

/** What is known of how well this phone computes. */
internal sealed interface SelfTestState {
    data object NotRun : SelfTestState

    /** An earlier start of this app found, with this bundle, that all is well. */
    data object PassedBefore : SelfTestState

    data object Running : SelfTestState

    /** @property read whether a person has seen the details. */
    data class Done(val result: SelfTestResult, val read: Boolean = false) : SelfTestState

    data class Failed(val cause: MobileViTException) : SelfTestState
}

/**
 * The self-test of the process's classifier: once for each bundle and version of the app, and
 * whenever asked. Only a pass is remembered, so that a phone that fails is told so at each start.
 *
 * Belongs to the main thread.
 */
internal class SelfTestRun(
    private val model: ModelHolder,
    private val memory: SharedPreferences,
    private val appVersion: String,
    private val main: Executor,
) {
    val state = Observable<SelfTestState>(SelfTestState.NotRun)

    private var asked = false

    // the classifier that is tested now
    private var tested: MobileViTClassifier? = null

    init {
        model.state.observe { if (it is Model.Ready) modelOpened(it.classifier) }
    }

    /** Runs as soon as the model is open. */
    fun run() {
        if (state.value is SelfTestState.Running) return
        asked = true
        val ready = model.state.value as? Model.Ready
        if (ready != null) start(ready.classifier) else model.open()
    }

    /** The details are on the screen. */
    fun markRead() {
        val done = state.value as? SelfTestState.Done ?: return
        if (!done.read) state.value = done.copy(read = true)
    }

    private fun modelOpened(classifier: MobileViTClassifier) {
        val known = state.value is SelfTestState.Done
        when {
            asked -> start(classifier)

            known -> Unit

            memory.getString(PASSED, null) == of(classifier) ->
                state.value = SelfTestState.PassedBefore

            else -> start(classifier)
        }
    }

    private fun start(classifier: MobileViTClassifier) {
        state.value = SelfTestState.Running
        tested = classifier
        classifier.selfTest().tell(main) { result, error ->
            val latest = tested === classifier
            if (latest) tested = null
            when {
                // closed, and another one is tested already
                !latest -> Unit

                // closed: it starts over when the model opens again
                (model.state.value as? Model.Ready)?.classifier !== classifier -> {
                    asked = true
                    state.value = SelfTestState.NotRun
                }

                error != null -> {
                    asked = false
                    state.value = SelfTestState.Failed(error)
                }

                result != null -> {
                    asked = false
                    remember(classifier, result)
                    state.value = SelfTestState.Done(result)
                }
            }
        }
    }

    private fun remember(classifier: MobileViTClassifier, result: SelfTestResult) {
        val edit = memory.edit()
        if (result.passed) edit.putString(PASSED, of(classifier)) else edit.remove(PASSED)
        edit.apply()
    }

    private fun of(classifier: MobileViTClassifier) =
        "$appVersion ${classifier.bundle.manifest.digest}"

    private companion object {
        const val PASSED = "passed"
    }
}
