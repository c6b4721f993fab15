package org.mobilevit.demo.benchmark

import android.net.Uri
import android.provider.OpenableColumns
import java.io.File
import java.io.FileNotFoundException
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(application = BenchmarkApplication::class)
class ResultProviderTest {
    private val context = RuntimeEnvironment.getApplication()
    private val file = File(resultFolder(context), "run.json").apply {
        parentFile?.mkdirs()
        writeText("{}")
    }
    private val address = ResultProvider.uri(context, file)

    @Test
    fun `gives a result with its name and size`() {
        val resolver = context.contentResolver
        assertEquals(
            "{}",
            resolver.openInputStream(address)?.use {
                it.readBytes().decodeToString()
            },
        )
        assertEquals("application/json", resolver.getType(address))
        resolver.query(address, null, null, null, null).use { cursor ->
            requireNotNull(cursor).moveToFirst()
            val name = cursor.getColumnIndexOrThrow(OpenableColumns.DISPLAY_NAME)
            val size = cursor.getColumnIndexOrThrow(OpenableColumns.SIZE)
            assertEquals("run.json", cursor.getString(name))
            assertEquals(2, cursor.getInt(size))
        }
    }

    @Test
    fun `lets nobody write`() {
        for (mode in listOf("w", "rw", "wt", "wa")) {
            assertThrows(FileNotFoundException::class.java) {
                context.contentResolver.openFileDescriptor(address, mode)
            }
        }
        assertEquals(0, context.contentResolver.delete(address, null, null))
        assertEquals("{}", file.readText())
    }

    @Test
    fun `leads out of its folder nowhere`() {
        val secret = File(context.filesDir, "secret.json").apply { writeText("secret") }
        val outside =
            listOf(
                "../../files/secret.json",
                "..%2F..%2Ffiles%2Fsecret.json",
                secret.path,
                "..",
                "",
            )
        for (path in outside) {
            val uri = Uri.parse("content://${address.authority}/$path")
            assertThrows(path, FileNotFoundException::class.java) {
                context.contentResolver.openInputStream(uri)
            }
            assertNull(path, context.contentResolver.query(uri, null, null, null, null))
        }
    }
}
