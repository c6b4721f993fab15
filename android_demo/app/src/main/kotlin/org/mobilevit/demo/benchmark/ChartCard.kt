package org.mobilevit.demo.benchmark

import android.text.SpannableStringBuilder
import android.text.Spanned
import android.text.style.ForegroundColorSpan
import android.view.View
import android.widget.TextView
import org.mobilevit.demo.R
import org.mobilevit.demo.locale

/** The chart with its legend. */
internal class ChartCard(card: View) {
    private val context = card.context
    private val resources = card.resources
    private val chart = card.findViewById<LatencyChart>(R.id.benchmark_latency)
    private val legend = card.findViewById<TextView>(R.id.benchmark_legend)
    private var shown: Trace? = null

    fun show(trace: Trace, disturbed: Set<Int>) {
        if (trace == shown) return
        shown = trace
        val model = ChartModel(trace, disturbed)
        chart.show(model)
        chart.contentDescription = resources.describeChart(trace, disturbed.size)
        legend.text = if (model.axis == null) {
            resources.getString(R.string.benchmark_chart_waiting)
        } else {
            legend(model, disturbed.isNotEmpty())
        }
    }

    private fun legend(model: ChartModel, disturbed: Boolean): CharSequence =
        SpannableStringBuilder().apply {
            key("●", R.color.series_1, resources.getString(R.string.benchmark_legend_run))
            key("━", R.color.series_1, resources.getString(R.string.benchmark_legend_round))
            model.medianMs?.let {
                val median = milliseconds(it, resources.locale)
                val text = resources.getString(R.string.benchmark_legend_median, median)
                key("╍", R.color.series_2, text)
            }
            key("▨", R.color.text_secondary, resources.getString(R.string.benchmark_legend_warm_up))
            if (disturbed) {
                key("▼", R.color.warn, resources.getString(R.string.benchmark_legend_disturbed))
            }
            if (model.above > 0) {
                val text = resources.getQuantityString(
                    R.plurals.benchmark_legend_above,
                    model.above,
                    model.above,
                )
                key("╹", R.color.series_1, text)
            }
        }

    /** A sign and what it stands for, which a line does not part. */
    private fun SpannableStringBuilder.key(sign: String, color: Int, text: String) {
        if (isNotEmpty()) append("    ")
        val from = length
        append(sign)
        val span = ForegroundColorSpan(context.getColor(color))
        setSpan(span, from, length, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE)
        append(NO_BREAK).append(text.replace(' ', NO_BREAK))
    }

    private companion object {
        const val NO_BREAK = '\u00a0'
    }
}
