package org.mobilevit.demo

import android.content.res.Resources

/** The name that people write, of a runtime as plans and results name it. */
internal fun Resources.runtimeName(name: String): String = when (name) {
    "litert" -> getString(R.string.runtime_litert)
    "onnxruntime" -> getString(R.string.runtime_onnxruntime)
    else -> name
}
