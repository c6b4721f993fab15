package org.mobilevit.demo.benchmark

import android.view.View
import android.widget.TextView
import org.mobilevit.demo.R

/** Shows what spoils the figures, and nothing where there is nothing. */
internal fun showRemarks(card: View, title: Int, lines: List<String>) {
    card.visibility = if (lines.isEmpty()) View.GONE else View.VISIBLE
    card.findViewById<TextView>(R.id.benchmark_remarks_title).setText(title)
    card.findViewById<TextView>(R.id.benchmark_remarks_text).text = card.resources.items(lines)
}
