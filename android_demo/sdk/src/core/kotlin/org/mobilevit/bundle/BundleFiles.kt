package org.mobilevit.bundle

import java.io.InputStream
import org.mobilevit.BundleException

/** Where the files of a bundle lie: a folder, or an app's assets. */
interface BundleFiles {
    /** What a message calls it, such as `assets/mobilevit`. */
    val name: String

    /**
     * Opens a file by its path in the bundle, which has forward slashes and stays inside.
     *
     * @throws java.io.FileNotFoundException there is none.
     * @throws BundleException there is something that is not the bundle's to read, such as a link
     *   out of it.
     */
    fun open(path: String): InputStream
}
