package org.mobilevit.demo

import android.app.Activity
import android.app.Instrumentation
import android.os.Bundle
import java.io.File
import org.mobilevit.MobileViTException
import org.mobilevit.android.Phone
import org.mobilevit.android.availableRuntimes
import org.mobilevit.benchmark.describeRuntimes
import org.mobilevit.benchmark.runPlan

/**
 * What `mobilevit benchmark --device android` starts, as docs/benchmarking.md has it:
 *
 *     am instrument -w -r -e plan FOLDER -e records FOLDER PACKAGE/.BenchmarkInstrumentation
 *     am instrument -w -r -e describe true PACKAGE/.BenchmarkInstrumentation
 *
 * It reports each record as the status `record`, or once the status `runtimes`. No activity is
 * started, and the screen is not kept on: a process that is instrumented counts as in the foreground.
 * A phone that sleeps all the same slows down, which the sentinel tells; over a cable it does not.
 */
class BenchmarkInstrumentation : Instrumentation() {
    private var arguments = Bundle.EMPTY

    override fun onCreate(arguments: Bundle?) {
        super.onCreate(arguments)
        this.arguments = arguments ?: Bundle.EMPTY
        start()
    }

    /** On the instrumentation's own thread, not the main one. */
    override fun onStart() {
        super.onStart()
        val failure =
            try {
                answer()
                null
            } catch (error: MobileViTException) {
                error.message + error.hint?.let { " ($it)" }.orEmpty()
            } catch (_: OutOfMemoryError) {
                "there is not enough memory (close other apps)"
            }
        if (failure == null) {
            finish(Activity.RESULT_OK, Bundle.EMPTY)
        } else {
            finish(Activity.RESULT_CANCELED, Bundle().apply { putString(LONG_MESSAGE, failure) })
        }
    }

    private fun answer() {
        val runtimes = availableRuntimes()
        val plan = arguments.getString("plan")
        val records = arguments.getString("records")
        if (plan != null && records != null) {
            // makes the app's folder on the shared storage, which only the system may
            targetContext.getExternalFilesDir(null)
            runPlan(File(plan), File(records), runtimes, Phone(targetContext)) {
                report("record", it)
            }
        } else {
            report("runtimes", describeRuntimes(runtimes))
        }
    }

    private fun report(key: String, line: String) =
        sendStatus(0, Bundle().apply { putString(key, line) })

    private companion object {
        // the host reads it where the code is not RESULT_OK
        const val LONG_MESSAGE = "longMsg"
    }
}
