package org.mobilevit.demo.benchmark

import android.content.Context
import android.os.Build
import java.io.File
import java.io.IOException
import java.io.OutputStream
import java.time.OffsetDateTime
import java.time.format.DateTimeFormatter

/** How the writing of a result went. */
sealed interface Export {
    data class Written(val file: File) : Export

    /** [message] is the system's. */
    data class Failed(val message: String) : Export
}

/** Where results lie that may be shared. Only [ResultProvider] gives them away. */
internal fun resultFolder(context: Context): File = File(context.cacheDir, "results")

/**
 * Writes the result's JSON, and takes away the ones before it.
 *
 * @throws IOException it cannot be written; nothing is left of it then.
 */
internal fun writeResult(context: Context, finished: RunState.Finished): File {
    val folder = resultFolder(context)
    val file = File(folder, resultName(finished.created))
    folder.listFiles { other ->
        other != file && other.extension == "json"
    }?.forEach { it.delete() }
    writeWhole(file) { it.write(finished.json.toByteArray()) }
    return file
}

/** Such as `mobilevit-benchmark-google-pixel-8-20261123-021600.json`. */
internal fun resultName(created: String): String {
    val device = "${Build.MANUFACTURER} ${Build.MODEL}".lowercase()
    val plain = device.replace(Regex("[^a-z0-9]+"), "-").trim('-')
    val moment = OffsetDateTime.parse(
        created,
    ).format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"))
    return "mobilevit-benchmark-$plain-$moment.json"
}

/**
 * Writes a file aside and renames it, so that there is the whole of it or none.
 *
 * @throws IOException the disk is full, or the folder cannot be written.
 */
internal fun writeWhole(file: File, write: (OutputStream) -> Unit) {
    val aside = File(file.path + ".part")
    try {
        file.parentFile?.mkdirs()
        aside.outputStream().use(write)
        if (!aside.renameTo(file)) throw IOException("${file.name} cannot be put in its place")
    } finally {
        aside.delete()
    }
}
