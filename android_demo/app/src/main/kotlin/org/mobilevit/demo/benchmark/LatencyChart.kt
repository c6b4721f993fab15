package org.mobilevit.demo.benchmark

import android.content.Context
import android.graphics.Canvas
import android.graphics.DashPathEffect
import android.graphics.Paint
import android.graphics.Path
import android.util.AttributeSet
import android.view.View
import java.util.Locale
import org.mobilevit.demo.R
import org.mobilevit.demo.locale

/**
 * Latency over time: a dot for each run, a line for each round's median, a dashed one for that of
 * all; warm-up is hatched, and a disturbed round has a mark above it, beside its colour. What the
 * chart shows is also said in words, by its content description. Time goes from left to right in
 * every language, as on a clock's dial.
 */
class LatencyChart(context: Context, attributes: AttributeSet? = null) : View(context, attributes) {
    private val density = resources.displayMetrics.density
    private val locale: Locale get() = resources.locale

    private val text = paint(R.color.text_secondary).apply {
        textSize = resources.getDimension(R.dimen.benchmark_chart_text)
    }
    private val grid = stroke(R.color.outline, 1f)
    private val hatch = stroke(R.color.outline, 1f)
    private val disturbedFill = paint(R.color.warn_container)
    private val disturbedMark = paint(R.color.warn)
    private val run = stroke(R.color.series_1, 3f).apply {
        strokeCap = Paint.Cap.ROUND
        alpha = DOT_ALPHA
    }
    private val warmUpRun = stroke(R.color.text_secondary, 3f).apply {
        strokeCap = Paint.Cap.ROUND
        alpha = DOT_ALPHA
    }
    private val roundMedian = stroke(R.color.series_1, 3f)
    private val roundHalo = stroke(R.color.surface, 6f)
    private val median = stroke(R.color.series_2, 2f).apply {
        pathEffect = DashPathEffect(floatArrayOf(6 * density, 4 * density), 0f)
    }
    private val path = Path()

    private var model = ChartModel(Trace(), emptySet())

    fun show(model: ChartModel) {
        this.model = model
        invalidate()
    }

    /** A plot that stays as high as it is with larger letters around it. */
    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val plot = resources.getDimension(R.dimen.benchmark_plot_height)
        val height = plot + (ABOVE + BELOW) * text.textSize
        setMeasuredDimension(
            getDefaultSize(suggestedMinimumWidth, widthMeasureSpec),
            resolveSize(height.toInt() + paddingTop + paddingBottom, heightMeasureSpec),
        )
    }

    override fun onDraw(canvas: Canvas) {
        super.onDraw(canvas)
        val latency = model.axis ?: return
        val plot = plot(latency)
        drawLatencyAxis(canvas, plot)
        drawTimeAxis(canvas, plot)
        for (band in model.bands) {
            when (band.kind) {
                Band.Kind.WARM_UP -> drawWarmUp(canvas, plot, band)
                Band.Kind.DISTURBED -> drawDisturbed(canvas, plot, band)
                Band.Kind.ROUND -> Unit
            }
        }
        drawRuns(canvas, plot)
        for (band in model.bands) {
            val height = band.medianMs?.let { plot.y(it) } ?: continue
            canvas.drawLine(plot.x(band.fromS), height, plot.x(band.toS), height, roundHalo)
            canvas.drawLine(plot.x(band.fromS), height, plot.x(band.toS), height, roundMedian)
        }
        model.medianMs?.let { drawMedian(canvas, plot, it) }
    }

    private fun plot(latency: Axis): Plot {
        val labels = latency.ticks.maxOf { text.measureText(latency.label(it, locale)) }
        return Plot(
            left = paddingLeft + labels + GAP * density,
            top = paddingTop + ABOVE * text.textSize,
            right = width - paddingRight - GAP * density,
            bottom = height - paddingBottom - BELOW * text.textSize,
            latency = latency,
            time = axis(0.0, maxOf(model.totalS, LEAST_S), timeTicks()),
            totalS = maxOf(model.totalS, LEAST_S),
        )
    }

    /** As many as have room, with larger letters too. */
    private fun timeTicks(): Int =
        ((width / text.measureText("00000000")).toInt()).coerceIn(2, MOST_TICKS)

    private fun drawLatencyAxis(canvas: Canvas, plot: Plot) {
        text.textAlign = Paint.Align.LEFT
        canvas.drawText(
            resources.getString(R.string.benchmark_unit_ms),
            paddingLeft.toFloat(),
            paddingTop + text.textSize,
            text,
        )
        text.textAlign = Paint.Align.RIGHT
        for (tick in plot.latency.ticks) {
            val height = plot.y(tick)
            canvas.drawLine(plot.left, height, plot.right, height, grid)
            val label = plot.latency.label(tick, locale)
            canvas.drawText(label, plot.left - GAP * density, height + text.textSize * MIDDLE, text)
        }
    }

    private fun drawTimeAxis(canvas: Canvas, plot: Plot) {
        text.textAlign = Paint.Align.CENTER
        val height = plot.bottom + LINE * text.textSize
        for (tick in plot.time.ticks.filter { it <= plot.totalS }) {
            canvas.drawText(plot.time.label(tick, locale), plot.x(tick), height, text)
        }
        text.textAlign = Paint.Align.RIGHT
        val name = resources.getString(R.string.benchmark_axis_s)
        val fitting = if (text.measureText(name) <= plot.right) {
            name
        } else {
            resources.getString(R.string.benchmark_unit_s)
        }
        canvas.drawText(fitting, plot.right, height + LINE * text.textSize, text)
    }

    private fun drawWarmUp(canvas: Canvas, plot: Plot, band: Band) {
        val left = plot.x(band.fromS)
        val right = plot.x(band.toS)
        val step = HATCH * density
        val rise = plot.bottom - plot.top
        canvas.save()
        canvas.clipRect(left, plot.top, right, plot.bottom)
        var x = left - rise
        while (x < right) {
            canvas.drawLine(x, plot.bottom, x + rise, plot.top, hatch)
            x += step
        }
        canvas.restore()
    }

    private fun drawDisturbed(canvas: Canvas, plot: Plot, band: Band) {
        val left = plot.x(band.fromS)
        val right = plot.x(band.toS)
        canvas.drawRect(left, plot.top, right, plot.bottom, disturbedFill)
        drawTriangle(canvas, (left + right) / 2, plot.top - 3 * density, MARK * density)
    }

    /** Points down, to [y]. */
    private fun drawTriangle(canvas: Canvas, x: Float, y: Float, side: Float) {
        path.rewind()
        path.moveTo(x - side / 2, y - side)
        path.lineTo(x + side / 2, y - side)
        path.lineTo(x, y)
        path.close()
        canvas.drawPath(path, disturbedMark)
    }

    private fun drawRuns(canvas: Canvas, plot: Plot) {
        var band = 0
        for (i in model.endS.indices) {
            val end = model.endS[i]
            while (band < model.bands.size - 1 && end > model.bands[band].toS + ROUNDING_S) band++
            val warmUp = model.bands[band].kind == Band.Kind.WARM_UP
            val paint = if (warmUp) warmUpRun else run
            val latency = model.latencyMs[i].toDouble()
            val x = plot.x(end.toDouble())
            if (latency > plot.latency.high) {
                canvas.drawLine(x, plot.top, x, plot.top + MARK * density, paint) // off the chart
            } else {
                canvas.drawPoint(x, plot.y(latency), paint)
            }
        }
    }

    private fun drawMedian(canvas: Canvas, plot: Plot, value: Double) {
        val height = plot.y(value)
        path.rewind()
        path.moveTo(plot.left, height)
        path.lineTo(plot.right, height)
        canvas.drawPath(path, median)
    }

    private fun paint(color: Int) =
        Paint(Paint.ANTI_ALIAS_FLAG).also { it.color = context.getColor(color) }

    private fun stroke(color: Int, width: Float) = paint(color).apply {
        style = Paint.Style.STROKE
        strokeWidth = width * density
    }

    private class Plot(
        val left: Float,
        val top: Float,
        val right: Float,
        val bottom: Float,
        val latency: Axis,
        val time: Axis,
        val totalS: Double,
    ) {
        fun x(seconds: Double): Float = left + (right - left) * (seconds / totalS).toFloat()

        fun y(ms: Double): Float = bottom - (bottom - top) * latency.share(ms).toFloat()
    }

    private companion object {
        const val DOT_ALPHA = 110
        const val GAP = 6f
        const val ABOVE = 2 // lines of text, for the unit and the marks
        const val BELOW = 3
        const val HATCH = 7f
        const val MARK = 9f
        const val LINE = 1.3f
        const val MIDDLE = 0.35f
        const val MOST_TICKS = 6
        const val LEAST_S = 0.01
        const val ROUNDING_S = 1e-5
    }
}
