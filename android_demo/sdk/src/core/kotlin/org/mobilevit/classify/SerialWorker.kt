package org.mobilevit.classify

import java.io.Closeable
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicBoolean
import org.mobilevit.RefusedException

/**
 * Runs work one after the other, all of it on the same thread: a GPU's delegate runs on the one that
 * made it only.
 *
 * @param owner what messages call it, such as `the classifier`.
 */
class SerialWorker(private val owner: String, threadName: String) : Closeable {
    private val closed = AtomicBoolean()
    private val executor =
        Executors.newSingleThreadExecutor { Thread(it, threadName).apply { isDaemon = true } }

    /**
     * Does [work] after what waits already, and not at all where the future was cancelled by then.
     * A result that is [Closeable], and that a cancelled future does not take any more, is closed.
     *
     * Fails with what [work] throws; with [RefusedException] where the worker is closed by then, or
     * memory does not suffice.
     */
    fun <T> submit(work: () -> T): CompletableFuture<T> {
        val future = CompletableFuture<T>()
        val queued = enqueue { complete(future, work) }
        if (!queued) future.completeExceptionally(wasClosed())
        return future
    }

    private fun <T> complete(future: CompletableFuture<T>, work: () -> T) {
        if (future.isDone) return
        if (closed.get()) {
            future.completeExceptionally(wasClosed())
            return
        }
        try {
            val result = work()
            if (!future.complete(result) && result is Closeable) result.close()
        } catch (error: OutOfMemoryError) {
            val refused = RefusedException("there is not enough memory", "close other apps", error)
            future.completeExceptionally(refused)
        } catch (error: Throwable) { // of any kind: whoever waits would wait for ever
            future.completeExceptionally(error)
        }
    }

    /** Lets what runs end, fails what waits, and does [last] then. A second time does nothing. */
    fun close(last: () -> Unit) {
        synchronized(executor) {
            if (!closed.compareAndSet(false, true)) return
            executor.execute(last)
            executor.shutdown()
        }
    }

    override fun close() = close {}

    private fun enqueue(work: Runnable): Boolean = synchronized(executor) {
        if (closed.get()) return false
        executor.execute(work)
        true
    }

    private fun wasClosed() = RefusedException("$owner was closed", "open another one")
}
