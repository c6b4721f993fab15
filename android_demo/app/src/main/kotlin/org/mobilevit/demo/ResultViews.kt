package org.mobilevit.demo

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.ProgressBar
import android.widget.TextView
import java.text.NumberFormat
import java.util.Locale
import kotlin.math.roundToInt
import org.mobilevit.android.MobileViTClassifier
import org.mobilevit.classify.Classification
import org.mobilevit.classify.Prediction

/**
 * The card of a result.
 *
 * A screen reader hears the likeliest label, and again only when [announce] is called: what changes
 * with every frame is told to who asks.
 */
internal class ResultViews(private val root: View, runnersUp: Int) {
    private val resources = root.resources
    private val label: TextView = root.findViewById(R.id.label)
    private val percent: TextView = root.findViewById(R.id.percent)
    private val confidence: ProgressBar = root.findViewById(R.id.confidence)
    private val timing: TextView = root.findViewById(R.id.timing)
    private val refused: TextView = root.findViewById(R.id.refused)
    private val others: List<Row>
    private val locale: Locale = resources.locale
    private val percents = NumberFormat.getPercentInstance(locale).let { format ->
        Array(101) { format.format(it / 100.0) }
    }
    private var shown: Classification? = null

    init {
        val rows: ViewGroup = root.findViewById(R.id.runners_up)
        val inflater = LayoutInflater.from(root.context)
        others = List(runnersUp) {
            val row = inflater.inflate(R.layout.runner_up, rows, false)
            rows.addView(row)
            Row(row)
        }
        // its children change with every frame, and would chatter
        val children = root as ViewGroup
        for (index in 0 until children.childCount) {
            children.getChildAt(index).importantForAccessibility =
                View.IMPORTANT_FOR_ACCESSIBILITY_NO_HIDE_DESCENDANTS
        }
        root.accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_POLITE
        root.accessibilityDelegate = object : View.AccessibilityDelegate() {
            override fun onInitializeAccessibilityNodeInfo(
                host: View,
                info: AccessibilityNodeInfo,
            ) {
                super.onInitializeAccessibilityNodeInfo(host, info)
                shown?.let { info.contentDescription = spoken(it) }
            }
        }
    }

    var visible: Boolean
        get() = root.visibility == View.VISIBLE
        set(value) {
            root.visibility = if (value) View.VISIBLE else View.GONE
        }

    /** Shows labels; the text of a view changes only where it differs. */
    fun show(result: Classification) {
        shown = result
        val first = result.predictions.first()
        label.show(first.label)
        percent.show(percent(first))
        confidence.progress = (first.probability * confidence.max).roundToInt()
        for (index in others.indices) {
            others[index].show(result.predictions.getOrNull(index + 1))
        }
    }

    /** Says what it took, and on what. */
    fun showTiming(result: Classification, classifier: MobileViTClassifier) {
        timing.text = resources.getString(
            R.string.timing,
            milliseconds(result.inferenceNs),
            milliseconds(result.inferenceNs + result.preprocessNs),
            resources.runtimeName(classifier.runtime.name),
            classifier.delegate,
        )
        val refusal = classifier.refusal
        refused.visibility = if (refusal == null) View.GONE else View.VISIBLE
        if (refusal != null) refused.show(resources.getString(R.string.refused, refusal))
    }

    /** Has a screen reader say the result. */
    fun announce(result: Classification) {
        root.contentDescription = spoken(result)
    }

    private fun spoken(result: Classification): String {
        val named = result.predictions.take(1 + others.size).map {
            resources.getString(R.string.prediction_spoken, it.label, percent(it))
        }
        val rest = named.drop(1)
        if (rest.isEmpty()) return named.first()
        return resources.getString(
            R.string.predictions_spoken,
            named.first(),
            rest.joinToString("; "),
        )
    }

    private fun percent(prediction: Prediction): String =
        percents[(prediction.probability * 100).roundToInt().coerceIn(0, 100)]

    private fun milliseconds(ns: Long): String = String.format(locale, "%.1f", ns / 1e6)

    private inner class Row(private val root: View) {
        private val label: TextView = root.findViewById(R.id.runner_up_label)
        private val percent: TextView = root.findViewById(R.id.runner_up_percent)

        fun show(prediction: Prediction?) {
            root.visibility = if (prediction == null) View.GONE else View.VISIBLE
            if (prediction == null) return
            label.show(prediction.label)
            percent.show(percent(prediction))
        }
    }
}

private fun TextView.show(new: String) {
    if (text.toString() != new) text = new
}
