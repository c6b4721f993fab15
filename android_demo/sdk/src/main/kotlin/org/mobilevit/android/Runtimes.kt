package org.mobilevit.android

import org.mobilevit.RefusedException
import org.mobilevit.runtime.InferenceRuntime
import org.mobilevit.runtime.OnnxRuntime

/**
 * The runtimes that this app was built with, the preferred one first: an app may leave either out.
 * Loads their native libraries.
 *
 * @throws RefusedException there is none, or none for this phone.
 */
fun availableRuntimes(): List<InferenceRuntime> {
    val refusals = ArrayList<String>()
    val runtimes = listOf<() -> InferenceRuntime>(::LiteRt, ::OnnxRuntime).mapNotNull { load ->
        try {
            load()
        } catch (error: RefusedException) {
            refusals += error.message
            null
        } catch (error: LinkageError) { // the app was built without this runtime's classes
            refusals += "this app was built without ${error.message}"
            null
        }
    }
    if (runtimes.isEmpty()) {
        throw RefusedException(
            refusals.joinToString("; "),
            "put LiteRT or ONNX Runtime among the dependencies of the app",
        )
    }
    return runtimes
}
