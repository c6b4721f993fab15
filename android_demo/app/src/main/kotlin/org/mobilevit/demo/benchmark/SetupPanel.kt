package org.mobilevit.demo.benchmark

import android.text.format.Formatter
import android.view.View
import android.widget.AdapterView
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.RadioButton
import android.widget.RadioGroup
import android.widget.Spinner
import org.mobilevit.demo.R

/** The choice of what to measure, and what would spoil it. */
internal class SetupPanel(private val view: View, private val runs: BenchmarkRuns) {
    private val resources = view.resources
    private val offer = view.findViewById<Spinner>(R.id.benchmark_offer)
    private val delegate = view.findViewById<Spinner>(R.id.benchmark_delegate)
    private val threads = view.findViewById<Spinner>(R.id.benchmark_threads)
    private val modes = view.findViewById<RadioGroup>(R.id.benchmark_modes)
    private val start = view.findViewById<Button>(R.id.benchmark_start)
    private val threadCounts = threadCounts(cores())
    private var offers = emptyList<Offer>()

    init {
        label(
            Mode.QUICK,
            R.string.benchmark_quick,
            about(Mode.QUICK, R.string.benchmark_quick_about),
        )
        label(Mode.FULL, R.string.benchmark_full, about(Mode.FULL, R.string.benchmark_full_about))
        val seconds = Mode.SUSTAINED.settings.sustainedS?.toInt() ?: 0
        label(
            Mode.SUSTAINED,
            R.string.benchmark_sustained,
            resources.getString(R.string.benchmark_sustained_about, seconds),
        )
        fill(threads, threadCounts.map { resources.threads(it) })
        threads.onSelected {
            change { it.copy(threads = threadCounts[threads.selectedItemPosition]) }
        }
        offer.onSelected {
            val chosen = offers[offer.selectedItemPosition]
            change { it.copy(offer = chosen, delegate = kept(it.delegate, chosen)) }
        }
        delegate.onSelected {
            change { it.copy(delegate = it.offer.runtime.delegates[delegate.selectedItemPosition]) }
        }
        modes.setOnCheckedChangeListener { _, id ->
            change { choice -> choice.copy(mode = Mode.entries.first { button(it) == id }) }
        }
        start.setOnClickListener { runs.choice?.let(runs::start) }
    }

    fun show(ready: RunState.Ready, conditions: Set<Condition>) {
        offers = ready.offers
        fill(offer, offers.map(::describe))
        val choice = runs.choice ?: ready.usual
        runs.choice = choice
        show(choice)
        showRemarks(
            view.findViewById(R.id.benchmark_before),
            R.string.benchmark_conditions_before,
            conditions.sorted().map { resources.condition(it) },
        )
    }

    private fun show(choice: Choice) {
        offer.setSelection(offers.indexOf(choice.offer))
        val delegates = choice.offer.runtime.delegates
        fill(delegate, delegates.map { resources.delegate(it) })
        delegate.setSelection(delegates.indexOf(choice.delegate))
        threads.setSelection(threadCounts.indexOf(choice.threads))
        modes.check(button(choice.mode))
    }

    /** A spinner tells of what it is set to as well; that is no change. */
    private fun change(edit: (Choice) -> Choice) {
        val choice = runs.choice ?: return
        val edited = edit(choice)
        if (edited == choice) return
        runs.choice = edited
        show(edited)
    }

    private fun kept(delegate: String, offer: Offer) =
        delegate.takeIf { it in offer.runtime.delegates } ?: offer.runtime.delegates.first()

    private fun button(mode: Mode) = when (mode) {
        Mode.QUICK -> R.id.benchmark_quick
        Mode.FULL -> R.id.benchmark_full
        Mode.SUSTAINED -> R.id.benchmark_sustained
    }

    private fun label(mode: Mode, name: Int, about: String) {
        view.findViewById<RadioButton>(button(mode)).text =
            twoLines(
                resources.getString(name),
                about,
                view.context.getColor(R.color.text_secondary),
            )
    }

    private fun about(mode: Mode, text: Int) =
        resources.getString(text, mode.settings.launches, mode.settings.rounds)

    private fun describe(offer: Offer): CharSequence {
        val size = Formatter.formatShortFileSize(view.context, offer.artifact.size)
        return twoLines(
            resources.offer(offer),
            resources.getString(R.string.benchmark_offer_file, offer.artifact.file, size),
            view.context.getColor(R.color.text_secondary),
        )
    }

    private fun fill(spinner: Spinner, items: List<CharSequence>) {
        val held = spinner.adapter
        if (held != null && items == (0 until held.count).map { held.getItem(it) }) return
        spinner.adapter = ArrayAdapter(view.context, R.layout.benchmark_choice_item, items)
    }
}

private fun Spinner.onSelected(act: () -> Unit) {
    onItemSelectedListener = object : AdapterView.OnItemSelectedListener {
        override fun onItemSelected(parent: AdapterView<*>?, view: View?, position: Int, id: Long) =
            act()

        override fun onNothingSelected(parent: AdapterView<*>?) = Unit
    }
}
