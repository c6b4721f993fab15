package org.mobilevit.demo

import android.app.Activity
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import org.robolectric.Shadows.shadowOf

/** Waits until something is so, while the main thread does what it is asked to. */
fun waitUntil(what: String, condition: () -> Boolean) {
    val end = System.nanoTime() + 90_000_000_000
    while (true) {
        shadowOf(Looper.getMainLooper()).idle()
        if (condition()) return
        check(System.nanoTime() < end) { "waited in vain for $what" }
        Thread.sleep(5)
    }
}

/** All that a person reads on the screen, a line for each view. */
fun Activity.shownText(): String = texts(window.decorView).joinToString("\n")

private fun texts(view: View): List<String> = when {
    view.visibility != View.VISIBLE -> emptyList()
    view is TextView -> listOf(view.text.toString()).filter(String::isNotEmpty)
    view is ViewGroup -> (0 until view.childCount).flatMap { texts(view.getChildAt(it)) }
    else -> emptyList()
}

fun Activity.waitForText(text: String) {
    try {
        waitUntil("“$text”") { text in shownText() }
    } catch (error: IllegalStateException) {
        throw AssertionError("${error.message}; the screen says:\n${shownText()}", error)
    }
}

fun Activity.click(id: Int) {
    findViewById<View>(id).performClick()
    shadowOf(Looper.getMainLooper()).idle()
}
