package org.mobilevit.demo

import java.io.Closeable

/** A value of the main thread, and who is told of each new one. */
internal class Observable<T : Any>(initial: T) {
    private val observers = LinkedHashSet<(T) -> Unit>()

    var value: T = initial
        set(new) {
            field = new
            for (observer in observers.toList()) observer(new)
        }

    /** Tells the present value at once, and each one after it until the result is closed. */
    fun observe(observer: (T) -> Unit): Closeable {
        observers += observer
        observer(value)
        return Closeable { observers -= observer }
    }
}
