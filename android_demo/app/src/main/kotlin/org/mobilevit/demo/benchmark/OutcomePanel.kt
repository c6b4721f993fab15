package org.mobilevit.demo.benchmark

import android.text.format.Formatter
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import org.mobilevit.demo.R
import org.mobilevit.demo.locale
import org.mobilevit.demo.runtimeName

/** What a run came to. */
internal class OutcomePanel(
    private val view: View,
    private val onShare: (RunState.Finished) -> Unit,
    onAgain: () -> Unit,
) {
    private val resources = view.resources
    private val ended = view.findViewById<TextView>(R.id.benchmark_ended)
    private val choice = view.findViewById<TextView>(R.id.benchmark_outcome_choice)
    private val p50 = view.findViewById<TextView>(R.id.benchmark_p50)
    private val medianOf = view.findViewById<TextView>(R.id.benchmark_median_of)
    private val rows = view.findViewById<ViewGroup>(R.id.benchmark_rows)
    private val share = view.findViewById<Button>(R.id.benchmark_share)
    private val shareFailed = view.findViewById<TextView>(R.id.benchmark_share_failed)
    private val chart = ChartCard(view.findViewById(R.id.benchmark_outcome_chart))

    init {
        view.findViewById<Button>(R.id.benchmark_again).setOnClickListener { onAgain() }
    }

    fun show(finished: RunState.Finished) {
        val figures = finished.figures
        val stopped = finished.stopped
        ended.visibility = if (stopped == null) View.GONE else View.VISIBLE
        ended.text = stopped?.let {
            resources.getString(R.string.benchmark_stopped_partial, resources.reason(it))
        }
        choice.text = resources.choice(finished.choice)
        p50.text = resources.milliseconds(figures.summary.p50Ns)
        p50.contentDescription = resources.getString(R.string.benchmark_done_spoken, p50.text)
        medianOf.text = resources.getString(
            R.string.benchmark_median_of,
            resources.runs(figures.summary.count),
            resources.rounds(figures.rounds),
        )
        rows.removeAllViews()
        rows(finished).forEach { (label, value) -> addRow(resources.getString(label), value) }
        chart.show(finished.trace, figures.disturbed)
        showRemarks(
            view.findViewById(R.id.benchmark_after),
            R.string.benchmark_conditions_after,
            resources.remarks(finished),
        )
        shareFailed.visibility = View.GONE
        share.isEnabled = true
        share.setOnClickListener {
            share.isEnabled = false
            onShare(finished)
        }
    }

    /** Sharing is over; [failure] is the system's word where there is no file. */
    fun shared(failure: String?) {
        share.isEnabled = true
        shareFailed.visibility = if (failure == null) View.GONE else View.VISIBLE
        shareFailed.text = failure?.let { resources.getString(R.string.benchmark_share_failed, it) }
    }

    private fun rows(finished: RunState.Finished): List<Pair<Int, String>> {
        val figures = finished.figures
        val summary = figures.summary
        return listOfNotNull(
            R.string.benchmark_p90 to resources.milliseconds(summary.p90Ns),
            R.string.benchmark_p99 to resources.milliseconds(summary.p99Ns),
            R.string.benchmark_mean to resources.milliseconds(summary.meanNs),
            R.string.benchmark_spread to resources.getString(
                R.string.benchmark_spread_value,
                resources.percent(summary.cv),
                resources.percent(summary.madSpread),
            ),
            heatChange(figures),
            R.string.benchmark_load to resources.milliseconds(figures.loadNs.toDouble()),
            R.string.benchmark_first_run to resources.milliseconds(figures.firstRunNs.toDouble()),
            R.string.benchmark_memory to memory(figures.peakMemory),
            R.string.benchmark_ran to figures.delegateRan,
            R.string.benchmark_runtime to resources.getString(
                R.string.benchmark_runtime_value,
                resources.runtimeName(finished.choice.offer.runtime.name),
                figures.runtimeVersion,
            ),
            R.string.benchmark_thermal to resources.getString(
                R.string.benchmark_thermal_value,
                resources.thermal(figures.thermalBefore),
                resources.thermal(figures.thermalAfter),
            ),
        )
    }

    /** Under sustained load: how much slower the end was. */
    private fun heatChange(figures: Figures): Pair<Int, String>? {
        val throttling = figures.throttling ?: return null
        val change = throttling.lastNs / throttling.firstNs - 1
        val signed = (if (change > 0) "+" else "") + resources.percent(change)
        return R.string.benchmark_heat_change to resources.getString(
            R.string.benchmark_heat_change_value,
            milliseconds(throttling.firstNs / NS_PER_MS, resources.locale),
            milliseconds(throttling.lastNs / NS_PER_MS, resources.locale),
            signed,
        )
    }

    private fun memory(bytes: Long?): String = if (bytes == null) {
        resources.getString(R.string.benchmark_not_told)
    } else {
        Formatter.formatShortFileSize(view.context, bytes)
    }

    private fun addRow(label: String, value: String) {
        val row = LayoutInflater.from(view.context).inflate(R.layout.benchmark_row, rows, false)
        row.findViewById<TextView>(R.id.benchmark_row_label).text = label
        row.findViewById<TextView>(R.id.benchmark_row_value).text = value
        row.contentDescription = resources.getString(R.string.benchmark_row_spoken, label, value)
        rows.addView(row)
    }
}
