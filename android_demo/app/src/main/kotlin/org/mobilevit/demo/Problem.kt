package org.mobilevit.demo

import android.content.res.Resources
import android.view.View
import android.widget.Button
import android.widget.TextView
import org.mobilevit.MobileViTException

/** What a person is told went wrong, and the way out. */
internal data class Problem(val title: String, val text: String, val wayOut: WayOut?)

internal enum class WayOut(val text: Int) {
    ALLOW_CAMERA(R.string.camera_allow),
    OPEN_SETTINGS(R.string.camera_settings),
    REOPEN_CAMERA(R.string.try_again),
    REOPEN_MODEL(R.string.try_again),
}

/** The cause as a sentence, and the hint as another. */
internal fun Resources.words(cause: MobileViTException): String = words(cause.message, cause.hint)

internal fun Resources.words(cause: String, hint: String?): String {
    val sentence = cause.replaceFirstChar(Char::uppercaseChar)
    return if (hint == null) {
        getString(R.string.cause, sentence)
    } else {
        getString(R.string.cause_and_hint, sentence, hint)
    }
}

/** The card of a [Problem]. */
internal class ProblemViews(private val root: View, private val take: (WayOut) -> Unit) {
    private val title: TextView = root.findViewById(R.id.problem_title)
    private val text: TextView = root.findViewById(R.id.problem_text)
    private val action: Button = root.findViewById(R.id.problem_action)

    fun show(problem: Problem?) {
        root.visibility = if (problem == null) View.GONE else View.VISIBLE
        if (problem == null) return
        title.text = problem.title
        text.text = problem.text
        val wayOut = problem.wayOut
        action.visibility = if (wayOut == null) View.GONE else View.VISIBLE
        if (wayOut == null) return
        action.setText(wayOut.text)
        action.setOnClickListener { take(wayOut) }
    }
}
