package org.mobilevit.demo

import android.content.res.ColorStateList
import android.content.res.Configuration
import android.view.TextureView
import android.view.View
import android.widget.ImageView
import android.widget.TextView

/** The views of the live screen. */
internal class LiveViews(private val activity: LiveActivity) {
    val preview: TextureView = activity.findViewById(R.id.preview)
    val frame: ViewfinderFrame = activity.findViewById(R.id.frame)
    val notice: View = activity.findViewById(R.id.notice)
    val gallery: View = activity.findViewById(R.id.gallery)
    val benchmark: View = activity.findViewById(R.id.benchmark)
    val selfTest: View = activity.findViewById(R.id.self_test)
    val result = ResultViews(activity.findViewById(R.id.result), FrameClassifier.SHOWN - 1)
    private val noticeIcon: ImageView = activity.findViewById(R.id.notice_icon)
    private val noticeText: TextView = activity.findViewById(R.id.notice_text)
    private val noticeMore: ImageView = activity.findViewById(R.id.notice_more)
    private val starting: View = activity.findViewById(R.id.starting)
    private val blocked: ImageView = activity.findViewById(R.id.blocked)
    private val thermal: TextView = activity.findViewById(R.id.thermal)
    private val problem = ProblemViews(activity.findViewById(R.id.problem), activity::take)

    init {
        // beside the picture each clears the bars of its own side
        val configuration = activity.resources.configuration
        val beside = configuration.orientation == Configuration.ORIENTATION_LANDSCAPE
        val pictureLeft = configuration.layoutDirection == View.LAYOUT_DIRECTION_LTR
        activity.findViewById<View>(R.id.sheet).padByBars(
            left = !beside || !pictureLeft,
            top = false,
            right = !beside || pictureLeft,
        )
        activity.findViewById<View>(R.id.sheet_bars)
            ?.padByBars(left = false, right = false, bottom = false)
        activity.findViewById<View>(R.id.viewfinder_bars).padByBars(
            left = !beside || pictureLeft,
            right = !beside || !pictureLeft,
            bottom = false,
        )
    }

    fun render(state: LiveState) {
        result.visible = state is LiveState.Watching
        starting.visibility = if (state is LiveState.Starting) View.VISIBLE else View.GONE
        val seeing = state !is LiveState.Blocked
        preview.visibility = if (seeing) View.VISIBLE else View.INVISIBLE
        frame.visibility = preview.visibility
        blocked.visibility = if (seeing) View.GONE else View.VISIBLE
        val shown = (state as? LiveState.Blocked)?.problem
        if (shown != null) {
            val model = shown.wayOut == WayOut.REOPEN_MODEL
            blocked.setImageResource(if (model) R.drawable.ic_bundle else R.drawable.ic_camera)
        }
        problem.show(shown)
    }

    /** What the self-test found, while it is news or a warning. */
    fun showNotice(state: SelfTestState) {
        val card = when (state) {
            SelfTestState.NotRun, SelfTestState.PassedBefore -> null

            SelfTestState.Running -> NoticeCard(R.string.self_test_running, Tone.NEUTRAL)

            is SelfTestState.Done -> when {
                !state.result.passed -> NoticeCard(R.string.self_test_failed_short, Tone.BAD)
                state.read -> null
                else -> NoticeCard(R.string.self_test_passed, Tone.GOOD)
            }

            is SelfTestState.Failed -> NoticeCard(R.string.self_test_broken, Tone.WARN)
        }
        notice.visibility = if (card == null) View.GONE else View.VISIBLE
        if (card == null) return
        notice.setBackgroundResource(card.tone.background)
        val colour = activity.getColor(card.tone.text)
        noticeIcon.setImageResource(card.tone.icon)
        for (icon in listOf(noticeIcon, noticeMore)) {
            icon.imageTintList =
                ColorStateList.valueOf(colour)
        }
        noticeText.setText(card.text)
        noticeText.setTextColor(colour)
    }

    fun showWarmth(warmth: Warmth) {
        thermal.visibility = if (warmth == Warmth.COOL) View.GONE else View.VISIBLE
        when (warmth) {
            Warmth.COOL -> Unit
            Warmth.WARM -> thermal.setText(R.string.warm)
            Warmth.HOT -> thermal.setText(R.string.hot)
        }
    }
}

private class NoticeCard(val text: Int, val tone: Tone)
