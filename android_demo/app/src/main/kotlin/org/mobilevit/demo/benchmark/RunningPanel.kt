package org.mobilevit.demo.benchmark

import android.view.View
import android.widget.Button
import android.widget.ProgressBar
import android.widget.TextView
import org.mobilevit.benchmark.ProtocolSettings
import org.mobilevit.demo.R

/** How far a run is. */
internal class RunningPanel(view: View, onStop: () -> Unit) {
    private val resources = view.resources
    private val stage = view.findViewById<TextView>(R.id.benchmark_stage)
    private val detail = view.findViewById<TextView>(R.id.benchmark_detail)
    private val progress = view.findViewById<ProgressBar>(R.id.benchmark_progress)
    private val choice = view.findViewById<TextView>(R.id.benchmark_running_choice)
    private val stop = view.findViewById<Button>(R.id.benchmark_stop)
    private val chart = ChartCard(view.findViewById(R.id.benchmark_running_chart))

    init {
        stop.setOnClickListener { onStop() }
    }

    fun show(running: RunState.Running) {
        val settings = running.choice.mode.settings
        val trace = running.trace
        // said aloud where it changes, so a text that stays is left alone
        val title = resources.getString(title(running))
        if (stage.text.toString() != title) stage.text = title
        detail.text = detail(trace, settings)
        progress.progress = (progress.max * share(trace, settings)).toInt()
        choice.text = resources.choice(running.choice)
        stop.isEnabled = running.stopping == null
        stop.alpha = if (stop.isEnabled) 1f else DISABLED_ALPHA
        chart.show(trace, trace.disturbed(running.choice.mode))
    }

    /** Later launches are loaded and warmed up as well; the first round has the last word. */
    private fun title(running: RunState.Running): Int = when {
        running.stopping != null -> R.string.benchmark_stopping
        running.trace.rounds.isNotEmpty() -> R.string.benchmark_measuring
        running.trace.stage == Stage.LOADING -> R.string.benchmark_loading
        else -> R.string.benchmark_warming_up
    }

    private fun detail(trace: Trace, settings: ProtocolSettings): String {
        val sustainedS = settings.sustainedS
        val launches = minOf(settings.launches, settings.rounds)
        val launch = minOf(trace.launch + 1, launches)
        return when (trace.stage) {
            Stage.LOADING ->
                resources.getString(R.string.benchmark_detail_loading, launch, launches)

            Stage.WARMING_UP ->
                resources.getString(R.string.benchmark_detail_warming_up, launch, launches)

            Stage.MEASURING ->
                if (sustainedS == null) {
                    val round = minOf(trace.rounds.size + 1, settings.rounds)
                    val text = R.string.benchmark_detail_round
                    resources.getString(text, launch, launches, round, settings.rounds)
                } else {
                    val seconds = (share(trace, settings) * sustainedS).toInt()
                    val text = R.string.benchmark_detail_sustained
                    resources.getString(text, seconds, sustainedS.toInt())
                }
        }
    }

    private fun share(trace: Trace, settings: ProtocolSettings): Double {
        val rounds = trace.rounds
        val last = rounds.lastOrNull() ?: return 0.0
        val sustainedS = settings.sustainedS
        if (sustainedS == null) return rounds.size.toDouble() / settings.rounds
        val elapsedNs = last.startedNs + last.samplesNs.sum() - rounds.first().startedNs
        return minOf(1.0, elapsedNs / NS_PER_S / sustainedS)
    }

    private companion object {
        const val DISABLED_ALPHA = 0.5f
    }
}
