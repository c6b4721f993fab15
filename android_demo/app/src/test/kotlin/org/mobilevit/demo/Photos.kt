package org.mobilevit.demo

import android.net.Uri
import java.io.ByteArrayInputStream
import java.io.File
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

/** A temple, by danielbuechele, CC BY 2.0: for the screens that show a photo. */
fun screenPhoto(): File = File(checkNotNull(System.getProperty("mobilevit.photo")))

/** As the picker hands a file over. */
fun offered(bytes: ByteArray): Uri {
    val uri = Uri.parse("content://photos/${bytes.contentHashCode()}")
    shadowOf(RuntimeEnvironment.getApplication().contentResolver)
        .registerInputStreamSupplier(uri) { ByteArrayInputStream(bytes) }
    return uri
}
