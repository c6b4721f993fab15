package org.mobilevit.demo

import android.content.res.ColorStateList
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.ImageView
import android.widget.TextView
import java.math.BigDecimal
import java.math.MathContext
import java.text.NumberFormat
import java.util.concurrent.CompletableFuture
import java.util.function.Supplier
import org.mobilevit.MobileViTException
import org.mobilevit.android.MobileViTClassifier
import org.mobilevit.classify.GoldenOutcome
import org.mobilevit.classify.SelfTestResult

/** The views of the self-test's screen. */
internal class SelfTestViews(private val activity: SelfTestActivity, again: () -> Unit) {
    private val resources = activity.resources
    private val verdict: View = activity.findViewById(R.id.verdict)
    private val icon: ImageView = activity.findViewById(R.id.verdict_icon)
    private val progress: View = activity.findViewById(R.id.verdict_progress)
    private val title: TextView = activity.findViewById(R.id.verdict_title)
    private val text: TextView = activity.findViewById(R.id.verdict_text)
    private val again: Button = activity.findViewById(R.id.again)
    private val photosCard: View = activity.findViewById(R.id.photos_card)
    private val golden: ViewGroup = activity.findViewById(R.id.golden)
    private val pixelsCard: View = activity.findViewById(R.id.pixels_card)
    private val pixels: TextView = activity.findViewById(R.id.pixels)
    private val aboutCard: View = activity.findViewById(R.id.about_card)
    private val facts: ViewGroup = activity.findViewById(R.id.facts)
    private val numbers = NumberFormat.getNumberInstance(resources.locale)
        .apply { maximumFractionDigits = 12 }
    private var detailed: SelfTestResult? = null
    private var described: MobileViTClassifier? = null

    init {
        activity.findViewById<View>(R.id.root).padByBars(bottom = false)
        activity.findViewById<View>(R.id.scroll)
            .padByBars(left = false, top = false, right = false)
        this.again.setOnClickListener { again() }
    }

    fun render(model: Model, state: SelfTestState) {
        val classifier = (model as? Model.Ready)?.classifier
        when {
            model is Model.Failed -> showBroken(R.string.model_failed_title, model.cause)
            state is SelfTestState.Failed -> showBroken(R.string.self_test_broken, state.cause)
            state is SelfTestState.Done -> showVerdict(state.result)
            classifier == null -> showRunning(R.string.self_test_waiting)
            else -> showRunning(R.string.self_test_running_text)
        }
        val result = (state as? SelfTestState.Done)?.result?.takeIf { classifier != null }
        photosCard.visibility = if (result == null) View.GONE else View.VISIBLE
        pixelsCard.visibility = photosCard.visibility
        if (result != null && classifier != null && result !== detailed) {
            detailed = result
            showPhotos(result, classifier)
            pixels.text = pixelWords(result)
        }
        aboutCard.visibility = if (classifier == null) View.GONE else View.VISIBLE
        if (classifier != null && classifier !== described) {
            described = classifier
            showFacts(classifier)
        }
    }

    private fun showVerdict(result: SelfTestResult) {
        val tone = if (result.passed) Tone.GOOD else Tone.BAD
        val words = listOfNotNull(
            if (result.passed) null else resources.getString(R.string.self_test_failed_text),
            labelWords(result),
            differenceWords(result),
            pixelWords(result).takeIf { result.wrongPixels.isNotEmpty() },
        )
        show(
            tone,
            if (result.passed) R.string.self_test_passed else R.string.self_test_failed,
            words.joinToString("\n"),
        )
        again.setText(R.string.self_test_again)
    }

    private fun showBroken(title: Int, cause: MobileViTException) {
        show(Tone.WARN, title, resources.words(cause))
        again.setText(R.string.try_again)
    }

    private fun showRunning(words: Int) {
        show(Tone.NEUTRAL, R.string.self_test_running, resources.getString(words))
        icon.visibility = View.INVISIBLE
        progress.visibility = View.VISIBLE
        again.visibility = View.GONE
    }

    private fun show(tone: Tone, title: Int, words: String) {
        verdict.setBackgroundResource(
            if (tone == Tone.NEUTRAL) R.drawable.card else tone.background,
        )
        icon.setImageResource(tone.icon)
        icon.imageTintList = ColorStateList.valueOf(activity.getColor(tone.text))
        icon.visibility = View.VISIBLE
        progress.visibility = View.GONE
        again.visibility = View.VISIBLE
        this.title.setText(title)
        this.title.setTextColor(activity.getColor(tone.text))
        text.text = words
    }

    private fun labelWords(result: SelfTestResult): String {
        val same = result.golden.count(GoldenOutcome::sameLabel)
        val all = result.golden.size
        return resources.getQuantityString(R.plurals.self_test_same_labels, all, same, all)
    }

    private fun differenceWords(result: SelfTestResult): String {
        val allowed = number(result.allowed)
        if (result.maxDifference == 0.0) {
            return resources.getString(R.string.self_test_exact, allowed)
        }
        return resources.getString(
            R.string.self_test_differs,
            number(result.maxDifference),
            allowed,
        )
    }

    private fun pixelWords(result: SelfTestResult): String {
        val wrong = result.wrongPixels
        val all = result.conformance
        return when {
            all == 0 -> resources.getString(R.string.self_test_pixels_none)

            wrong.isEmpty() -> resources.getQuantityString(
                R.plurals.self_test_pixels_good,
                all,
                all,
            )

            else -> (
                listOf(
                    resources.getQuantityString(
                        R.plurals.self_test_pixels_bad,
                        wrong.size,
                        wrong.size,
                        all,
                    ),
                ) + wrong
                ).joinToString("\n")
        }
    }

    private fun showPhotos(result: SelfTestResult, classifier: MobileViTClassifier) {
        golden.removeAllViews()
        for (outcome in result.golden) {
            val row = activity.layoutInflater.inflate(R.layout.golden, golden, false)
            golden.addView(row)
            row.findViewById<TextView>(R.id.golden_label).text = outcome.expected
            // NaN is not near enough either
            val near = outcome.maxDifference <= result.allowed
            val difference = number(outcome.maxDifference)
            val said: TextView = row.findViewById(R.id.golden_outcome)
            said.text = when {
                !outcome.sameLabel ->
                    resources.getString(R.string.self_test_other, outcome.label, difference)

                near -> resources.getString(R.string.self_test_same, difference)

                else -> resources.getString(R.string.self_test_too_far, difference)
            }
            if (!outcome.sameLabel || !near) said.setTextColor(activity.getColor(R.color.bad))
            val photo: ImageView = row.findViewById(R.id.golden_photo)
            photo.clipToOutline = true
            CompletableFuture
                .supplyAsync(Supplier { thumbnail(classifier, outcome.file) }, activity.demo.files)
                .thenAcceptAsync(photo::setImageBitmap, activity.demo.main)
        }
    }

    private fun showFacts(classifier: MobileViTClassifier) {
        val app = activity.demo
        val allowed = number(classifier.artifact.maxAbsDifference)
        CompletableFuture
            .supplyAsync(Supplier { factsOf(app, classifier, allowed) }, app.files)
            .thenAcceptAsync(::showFacts, app.main)
    }

    private fun showFacts(known: List<Fact>) {
        facts.removeAllViews()
        for ((name, value) in known) {
            val row = activity.layoutInflater.inflate(R.layout.fact, facts, false)
            row.findViewById<TextView>(R.id.fact_name).setText(name)
            row.findViewById<TextView>(R.id.fact_value).text = value
            facts.addView(row)
        }
    }

    /** Two digits that count, without an exponent. */
    private fun number(value: Double): String = if (value.isFinite()) {
        numbers.format(BigDecimal(value).round(MathContext(2)))
    } else {
        resources.getString(R.string.self_test_no_number)
    }
}

/** A golden image, small; null: it is not as it was exported, which the verdict says. */
private fun thumbnail(classifier: MobileViTClassifier, file: String): Bitmap? {
    val record = classifier.bundle.manifest.golden.first { it.file == file }
    return try {
        val bytes = classifier.bundle.read(record.file, record.sha256)
        BitmapFactory.decodeByteArray(bytes, 0, bytes.size)
    } catch (_: MobileViTException) {
        null
    }
}
