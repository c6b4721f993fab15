package org.mobilevit.demo.benchmark

import android.view.View
import android.widget.Button
import android.widget.TextView
import org.mobilevit.demo.R
import org.mobilevit.demo.runtimeName
import org.mobilevit.demo.words

/** Why there are no figures. */
internal class MessagePanel(view: View, onBack: () -> Unit) {
    private val resources = view.resources
    private val title = view.findViewById<TextView>(R.id.benchmark_message_title)
    private val text = view.findViewById<TextView>(R.id.benchmark_message_text)
    private val detail = view.findViewById<TextView>(R.id.benchmark_message_detail)
    private val back = view.findViewById<Button>(R.id.benchmark_message_back)

    init {
        back.setOnClickListener { onBack() }
    }

    fun show(unavailable: RunState.Unavailable) {
        show(
            resources.getString(R.string.benchmark_unavailable),
            resources.words(unavailable.message, unavailable.hint),
        )
        back.visibility = View.GONE
    }

    fun show(failed: RunState.Failed) {
        back.visibility = View.VISIBLE
        when (val failure = failed.failure) {
            is Failure.Refused ->
                show(
                    resources.getString(R.string.benchmark_refused),
                    refusal(failed.choice),
                    failure.reason,
                )

            is Failure.Damaged ->
                show(
                    resources.getString(R.string.benchmark_damaged),
                    resources.words(failure.message, failure.hint),
                )

            is Failure.StoppedEarly ->
                show(
                    resources.getString(R.string.benchmark_stopped),
                    resources.getString(
                        R.string.benchmark_stopped_nothing,
                        resources.reason(failure.reason),
                    ),
                )

            is Failure.OutOfMemory ->
                show(
                    resources.getString(R.string.benchmark_out_of_memory),
                    resources.getString(R.string.benchmark_out_of_memory_message),
                )

            is Failure.Disk ->
                show(
                    resources.getString(R.string.benchmark_disk),
                    resources.getString(R.string.benchmark_disk_message, failure.message),
                )
        }
    }

    private fun show(heading: String, message: String, quoted: String? = null) {
        title.text = heading
        text.text = message
        detail.text = quoted
        detail.visibility = if (quoted == null) View.GONE else View.VISIBLE
    }

    private fun refusal(choice: Choice) = resources.getString(
        R.string.benchmark_refused_message,
        resources.runtimeName(choice.offer.runtime.name),
        choice.offer.artifact.file,
        resources.delegate(choice.delegate),
    )
}
