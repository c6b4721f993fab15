package org.mobilevit.demo

import java.util.concurrent.CompletableFuture
import java.util.concurrent.CompletionException
import java.util.concurrent.Executor
import org.junit.Assert.assertEquals
import org.junit.Assert.assertSame
import org.junit.Assert.assertThrows
import org.junit.Test
import org.mobilevit.ImageException
import org.mobilevit.MobileViTException

class TellTest {
    private val posted = ArrayDeque<Runnable>()
    private val main = Executor { posted += it }
    private val said = mutableListOf<Pair<String?, MobileViTException?>>()
    private val future = CompletableFuture<String>().apply { tell(main) { a, b -> said += a to b } }

    @Test
    fun `a result is told`() {
        future.complete("church")
        posted.single().run()
        assertEquals(listOf("church" to null), said)
    }

    @Test
    fun `a failure of the library is told, however a future wrapped it`() {
        val cause = ImageException("damaged")
        future.completeExceptionally(CompletionException(cause))
        posted.single().run()
        assertSame(cause, said.single().second)
    }

    @Test
    fun `any other failure is thrown where nobody catches it`() {
        future.completeExceptionally(IllegalStateException("a mistake"))
        assertThrows(IllegalStateException::class.java) { posted.single().run() }
        assertEquals(emptyList<Any>(), said)
    }
}
