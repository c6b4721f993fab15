package org.mobilevit.desktop

import java.io.File
import java.io.FileNotFoundException
import java.io.InputStream
import org.mobilevit.bundle.BundleFiles

/** A bundle in a folder. */
class FolderBundle(private val folder: File) : BundleFiles {
    override val name: String get() = folder.path

    override fun open(path: String): InputStream {
        val file = File(folder, path)
        if (!file.isFile) throw FileNotFoundException(file.path)
        return file.inputStream()
    }
}
