package org.mobilevit.benchmark

import java.io.Closeable
import java.io.File
import java.nio.ByteBuffer
import org.mobilevit.RefusedException
import org.mobilevit.runtime.InferenceRuntime
import org.mobilevit.runtime.Session

/** What opening an artifact told. [firstRunNs] is timed alone: runtimes put off work until then. */
internal class Opening(
    val runtimeVersion: String,
    val delegate: String,
    val loadNs: Long,
    val firstRunNs: Long,
)

/** The most that was resident, and how much of it is above what was before loading. */
internal class PeakMemory(val bytes: Long, val riseBytes: Long)

/** One opening of a case: its session, and what that is fed with. */
internal class Launch private constructor(
    private val session: Session,
    private val feeds: Map<String, ByteBuffer>,
    private val runtimeVersion: String,
    private val loadNs: Long,
    private val before: Memory,
) : Closeable,
    TimedRun {
    /** Runs once. Copies into and out of the runtime are in its time, as they are in an app's. */
    override fun takeNs(): Long {
        val start = System.nanoTime()
        session.run(feeds)
        return (System.nanoTime() - start).coerceAtLeast(1)
    }

    fun firstRun() = Opening(runtimeVersion, session.delegate, loadNs, firstRunNs = takeNs())

    /** Null where the machine does not tell, or nothing since the opening reached a new peak. */
    fun peakMemory(machine: Machine): PeakMemory? {
        val peak = machine.peakMemory() ?: return null
        if (before.resident == null || before.peak == null || peak <= before.peak) return null
        return PeakMemory(peak, riseBytes = (peak - before.resident).coerceAtLeast(0))
    }

    override fun close() = session.close()

    private class Memory(val resident: Long?, val peak: Long?)

    companion object {
        /**
         * Asks the runtime to open the artifact. Reading and hashing the file is not in the time
         * of loading; what it takes of memory is in its rise.
         *
         * @throws org.mobilevit.MobileViTException something is refused; nothing stays open.
         */
        fun open(
            case: PlannedCase,
            folder: File,
            runtimes: List<InferenceRuntime>,
            machine: Machine,
            seed: Long,
        ): Launch {
            val runtime =
                runtimes.find { it.name == case.runtime }
                    ?: throw RefusedException("this device has no runtime `${case.runtime}`")
            val version = runtime.version
            val before = Memory(machine.residentMemory(), machine.peakMemory())
            val artifact = mapArtifact(case, folder)
            val start = System.nanoTime()
            val session = runtime.load(artifact, case.threads, case.delegate)
            val loadNs = (System.nanoTime() - start).coerceAtLeast(1)
            var fed = false
            try {
                val feeds = feedsOf(case.feeds, folder, session.inputs, case.batch, seed)
                fed = true
                return Launch(session, feeds, version, loadNs, before)
            } finally {
                if (!fed) session.close()
            }
        }
    }
}
