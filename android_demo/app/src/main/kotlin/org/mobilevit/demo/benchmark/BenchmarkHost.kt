package org.mobilevit.demo.benchmark

/** The application, which keeps the runs of its process. */
interface BenchmarkHost {
    val benchmarkRuns: BenchmarkRuns
}
