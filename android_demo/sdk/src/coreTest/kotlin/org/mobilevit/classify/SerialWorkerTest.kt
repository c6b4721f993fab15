package org.mobilevit.classify

import java.io.Closeable
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CountDownLatch
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit.SECONDS
import java.util.concurrent.atomic.AtomicInteger
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertSame
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.ImageException
import org.mobilevit.RefusedException

class SerialWorkerTest {
    private val worker = SerialWorker("the classifier", "worker")

    @Test
    fun `work is done in order, on one thread that is not the caller's`() {
        val done = ArrayList<Int>()
        val threads = (0 until 100).map { i ->
            worker.submit {
                done += i
                Thread.currentThread()
            }
        }.map { it.get(5, SECONDS) }
        assertEquals((0 until 100).toList(), done)
        assertEquals(1, threads.toSet().size)
        assertFalse(Thread.currentThread() in threads)
        worker.close()
    }

    @Test
    fun `what fails, fails its own future alone`() {
        val failing = worker.submit { throw ImageException("the image is empty") }
        val error = assertThrows(ExecutionException::class.java) { failing.get(5, SECONDS) }
        assertEquals("the image is empty", error.cause?.message)
        assertEquals(1, worker.submit { 1 }.get(5, SECONDS))
        worker.close()
    }

    @Test
    fun `a callback sees the error itself`() {
        val refused = RefusedException("no")
        val seen = CompletableFuture<Throwable>()
        worker.submit { throw refused }.whenComplete { _, error -> seen.complete(error) }
        assertSame(refused, seen.get(5, SECONDS))
        worker.close()
    }

    @Test
    fun `too little memory is an error that says so`() {
        val future = worker.submit { LongArray(Int.MAX_VALUE) }
        val error = assertThrows(ExecutionException::class.java) { future.get(5, SECONDS) }
        assertEquals("there is not enough memory", error.cause?.message)
        worker.close()
    }

    @Test
    fun `closing during a run lets it end, fails what waits, and frees afterwards`() {
        val started = CountDownLatch(1)
        val go = CountDownLatch(1)
        val order = ArrayList<String>()
        val running = worker.submit {
            started.countDown()
            go.await()
            order += "run"
        }
        val waiting = worker.submit { order += "never" }
        started.await()
        val freed = CountDownLatch(1)
        worker.close {
            order += "freed"
            freed.countDown()
        }
        go.countDown()
        running.get(5, SECONDS)
        assertTrue(freed.await(5, SECONDS))
        assertEquals(listOf("run", "freed"), order)
        assertWasClosed(waiting)
    }

    @Test
    fun `a second close does nothing, and nothing is done after the first`() {
        val freed = AtomicInteger()
        val last = CountDownLatch(1)
        worker.close {
            freed.incrementAndGet()
            last.countDown()
        }
        worker.close { freed.incrementAndGet() }
        worker.close()
        assertWasClosed(worker.submit { 1 })
        assertTrue(last.await(5, SECONDS))
        assertEquals(1, freed.get())
    }

    @Test
    fun `a callback on the worker's own thread may close it`() {
        val closed = CountDownLatch(1)
        worker.submit { 1 }.thenRun { worker.close { closed.countDown() } }
        assertTrue(closed.await(5, SECONDS))
    }

    @Test
    fun `what was cancelled is not done`() {
        val go = CountDownLatch(1)
        worker.submit { go.await() }
        val done = AtomicInteger()
        val cancelled = worker.submit { done.incrementAndGet() }
        cancelled.cancel(false)
        go.countDown()
        worker.submit {}.get(5, SECONDS)
        assertEquals(0, done.get())
        worker.close()
    }

    @Test
    fun `a result that nobody takes any more is closed`() {
        val started = CountDownLatch(1)
        val go = CountDownLatch(1)
        val closed = CountDownLatch(1)
        val opening = worker.submit {
            started.countDown()
            go.await()
            Closeable { closed.countDown() }
        }
        started.await()
        opening.cancel(false)
        go.countDown()
        assertTrue(closed.await(5, SECONDS))
        worker.close()
    }

    private fun assertWasClosed(future: CompletableFuture<*>) {
        val error = assertThrows(ExecutionException::class.java) { future.get(5, SECONDS) }
        assertTrue(error.cause is RefusedException)
        assertEquals("the classifier was closed", error.cause?.message)
    }
}
