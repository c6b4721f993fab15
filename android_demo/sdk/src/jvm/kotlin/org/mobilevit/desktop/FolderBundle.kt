package org.mobilevit.desktop

import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.nio.file.Files
import java.nio.file.LinkOption.NOFOLLOW_LINKS
import java.nio.file.Path
import org.mobilevit.BundleException
import org.mobilevit.bundle.BundleFiles

/** A bundle in a folder. Links are followed as long as they stay in it. */
class FolderBundle(folder: File) : BundleFiles {
    private val folder: Path = folder.toPath()

    override val name: String = folder.path

    override fun open(path: String): InputStream {
        val file = folder.resolve(path)
        if (!Files.exists(file, NOFOLLOW_LINKS)) throw FileNotFoundException(file.toString())
        val real =
            try {
                file.toRealPath()
            } catch (error: IOException) { // also where links go in a circle
                throw BundleException("`$file` is a link to nothing", cause = error)
            }
        if (!real.startsWith(folder.toRealPath())) {
            throw BundleException("`$file` is a link out of the bundle")
        }
        if (!Files.isRegularFile(real)) throw BundleException("`$file` is not a file")
        return Files.newInputStream(real)
    }
}
