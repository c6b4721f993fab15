package org.mobilevit.demo

import android.net.Uri
import java.io.ByteArrayInputStream
import java.io.File
import org.junit.Assume.assumeTrue
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

/** A photo of Imagenette's validation set, by the folder of its class; where there is one. */
fun photoOf(label: String): File {
    val folder = File(System.getProperty("mobilevit.photos"), label)
    val photo = folder.listFiles()?.minOrNull()
    assumeTrue("no photos in $folder", photo != null)
    return checkNotNull(photo)
}

/** As the picker hands a file over. */
fun offered(bytes: ByteArray): Uri {
    val uri = Uri.parse("content://photos/${bytes.contentHashCode()}")
    shadowOf(RuntimeEnvironment.getApplication().contentResolver)
        .registerInputStreamSupplier(uri) { ByteArrayInputStream(bytes) }
    return uri
}
