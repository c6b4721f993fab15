import Charts
import MobileViTDemoModel
import SwiftUI

/// Latency over time, of several cases: told apart by colour and by symbol, and said in words.
struct LatencyChartView: View {
    let chart: LatencyChart
    /// What it shows, for who does not see it.
    let text: String

    // grows with the letters around it
    @ScaledMetric(relativeTo: .body) private var height = 240.0

    var body: some View {
        VStack(alignment: .leading) {
            plot
                .frame(height: height)
                .accessibilityLabel("Latency over time. \(text)")
            ForEach(chart.key, id: \.self) {
                Text($0).font(.caption).foregroundStyle(.secondary)
            }
        }
    }

    private var plot: some View {
        Chart {
            shades
            runs
            rounds
            medians
        }
        .chartXScale(domain: 0...chart.endS)
        .chartYScale(domain: chart.latency.low...chart.latency.high)
        .chartXAxis { axis(chart.time, ticks: chart.timeTicks) }
        .chartYAxis { axis(chart.latency, ticks: chart.latency.ticks) }
        .chartXAxisLabel("seconds of running, pauses left out")
        .chartYAxisLabel("ms")
        .chartForegroundStyleScale(domain: chart.series, range: palette)
        .chartLegend(position: .bottom, alignment: .leading)
    }

    /// Warm-up is gray; a disturbed round has a mark besides its colour.
    @ChartContentBuilder private var shades: some ChartContent {
        ForEach(chart.shades) { band in
            RectangleMark(
                xStart: .value("Begin", band.fromS), xEnd: .value("End", band.toS),
                yStart: .value("Least", chart.latency.low),
                yEnd: .value("Most", chart.latency.high)
            )
            .foregroundStyle(band.kind == .warmUp ? Color.gray : Color.orange)
            .opacity(0.15)
            .accessibilityHidden(true)
            if band.kind == .disturbed {
                PointMark(
                    x: .value("Seconds", band.middleS),
                    y: .value("Milliseconds", chart.latency.high)
                )
                .symbol(.triangle)
                .foregroundStyle(Color.orange)
                .accessibilityLabel("\(band.series), disturbed round")
            }
        }
    }

    /// Too many to be read one by one, so that what is said are the rounds.
    @ChartContentBuilder private var runs: some ChartContent {
        ForEach(chart.points) { point in
            if chart.window > 1 || point.isAbove {
                RuleMark(
                    x: .value("Seconds", point.seconds),
                    yStart: .value("Fastest", point.isAbove ? chart.aboveMs : point.lowMs),
                    yEnd: .value("Slowest", point.highMs)
                )
                .foregroundStyle(by: .value("Case", point.series))
                .lineStyle(StrokeStyle(lineWidth: 1))
                .opacity(0.25)
                .accessibilityHidden(true)
            }
            if !point.isAbove {
                PointMark(
                    x: .value("Seconds", point.seconds), y: .value("Milliseconds", point.ms)
                )
                .foregroundStyle(by: .value("Case", point.series))
                .symbol(by: .value("Case", point.series))
                .symbolSize(14)
                .opacity(point.isWarmUp ? 0.25 : 0.5)
                .accessibilityHidden(true)
            }
        }
    }

    @ChartContentBuilder private var rounds: some ChartContent {
        ForEach(chart.rounds) { round in
            LineMark(
                x: .value("Seconds", round.seconds), y: .value("Milliseconds", round.ms),
                series: .value("Case", round.series)
            )
            .foregroundStyle(by: .value("Case", round.series))
            .lineStyle(StrokeStyle(lineWidth: 2))
            .accessibilityLabel(round.series)
            .accessibilityValue(round.text)
        }
    }

    @ChartContentBuilder private var medians: some ChartContent {
        ForEach(chart.medians) { median in
            RuleMark(y: .value("Milliseconds", median.ms))
                .foregroundStyle(by: .value("Case", median.series))
                .lineStyle(StrokeStyle(lineWidth: 1, dash: [4, 3]))
                .accessibilityHidden(true)
        }
    }

    private func axis(_ axis: ChartAxis, ticks: [Double]) -> some AxisContent {
        AxisMarks(values: ticks) { value in
            AxisGridLine()
            AxisValueLabel {
                if let tick = value.as(Double.self) { Text(axis.label(tick)) }
            }
        }
    }

    /// As many as there are cases, again from the first where there are more; the system's colours are
    /// made for light, dark and increased contrast.
    private var palette: [Color] {
        let colors: [Color] = [.blue, .orange, .green, .purple, .teal, .red, .indigo, .mint]
        return chart.series.indices.map { colors[$0 % colors.count] }
    }
}
