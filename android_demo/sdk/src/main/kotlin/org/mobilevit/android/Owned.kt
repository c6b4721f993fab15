package org.mobilevit.android

import java.io.Closeable

/** Closes what was added, the last one first: an interpreter before the delegate that it runs on. */
internal class Owned : Closeable {
    private val resources = ArrayDeque<AutoCloseable>()
    var isClosed = false
        private set

    fun <T : AutoCloseable> add(resource: T): T {
        resources.addLast(resource)
        return resource
    }

    override fun close() {
        isClosed = true
        while (resources.isNotEmpty()) resources.removeLast().close()
    }
}

/** What [work] makes of the resources that it adds, which are closed where it fails. */
internal inline fun <T> closingUnlessDone(work: (Owned) -> T): T {
    val owned = Owned()
    var done = false
    try {
        return work(owned).also { done = true }
    } finally {
        if (!done) owned.close()
    }
}
