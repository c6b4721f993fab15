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
     */
    fun open(path: String): InputStream
}

/**
 * A bundle whose manifest and labels were read and checked; every file that is read of it later is
 * checked against its hash.
 *
 * @throws BundleException no bundle, of a newer schema, or changed since it was exported.
 */
class Bundle(private val files: BundleFiles) {
    val manifest: Manifest by lazy { TODO() }

    /** In the order of the outputs. */
    val labels: List<String> by lazy { TODO() }

    /**
     * The bytes of a file that the manifest lists.
     *
     * @throws BundleException missing, or not the file that was exported.
     */
    fun read(path: String, sha256: String): ByteArray = TODO()
}
