package org.mobilevit.demo

import org.mobilevit.classify.Classification

/**
 * Which of a stream of results are worth showing, and which worth saying.
 *
 * A label that only one frame has would flicker past: another one is shown when two frames in a row
 * have it, and said when it has stayed a second.
 */
internal class SteadyLabel {
    private var shown = NONE
    private var candidate = NONE
    private var since = 0L
    private var said = NONE

    fun isShown(result: Classification, nowMs: Long): Boolean {
        val label = result.predictions.first().index
        if (label == shown) {
            candidate = NONE
            return true
        }
        if (shown != NONE && label != candidate) {
            candidate = label
            return false
        }
        shown = label
        candidate = NONE
        since = nowMs
        return true
    }

    /** Whether what is shown is to be said now; true once for each label that stays. */
    fun isSaid(nowMs: Long): Boolean {
        if (shown == said || nowMs - since < STAYED_MS) return false
        said = shown
        return true
    }

    private companion object {
        const val NONE = -1
        const val STAYED_MS = 1000L
    }
}
