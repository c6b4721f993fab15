package org.mobilevit.demo.benchmark

import android.content.ContentProvider
import android.content.ContentValues
import android.content.Context
import android.database.Cursor
import android.database.MatrixCursor
import android.net.Uri
import android.os.ParcelFileDescriptor
import android.provider.OpenableColumns
import java.io.File
import java.io.FileNotFoundException

/** Lets the app that a result is shared with read this one file, and nothing write it. */
class ResultProvider : ContentProvider() {
    override fun onCreate(): Boolean = true

    override fun getType(uri: Uri): String = TYPE

    /** @throws FileNotFoundException no such result, or more than reading is asked for. */
    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor {
        if (mode != "r") throw FileNotFoundException("a result can only be read")
        val file = file(uri) ?: throw FileNotFoundException("there is no result at $uri")
        return ParcelFileDescriptor.open(file, ParcelFileDescriptor.MODE_READ_ONLY)
    }

    /** Name and size, which a mail program or a drive asks for. */
    override fun query(
        uri: Uri,
        projection: Array<String>?,
        selection: String?,
        selectionArgs: Array<String>?,
        sortOrder: String?,
    ): Cursor? {
        val file = file(uri) ?: return null
        val known = mapOf(
            OpenableColumns.DISPLAY_NAME to file.name,
            OpenableColumns.SIZE to file.length(),
        )
        val columns = (projection ?: known.keys.toTypedArray()).filter { it in known }
        return MatrixCursor(columns.toTypedArray(), 1).apply { addRow(columns.map { known[it] }) }
    }

    override fun insert(uri: Uri, values: ContentValues?): Uri? = null

    override fun update(
        uri: Uri,
        values: ContentValues?,
        selection: String?,
        selectionArgs: Array<String>?,
    ): Int = 0

    override fun delete(uri: Uri, selection: String?, selectionArgs: Array<String>?): Int = 0

    /** One of the results; a name that is not plainly a file's leads nowhere. */
    private fun file(uri: Uri): File? {
        val name = uri.pathSegments.singleOrNull() ?: return null
        val folder = context?.let(::resultFolder) ?: return null
        return folder.listFiles()?.find { it.name == name && it.extension == "json" }
    }

    companion object {
        const val TYPE = "application/json"

        /** The address of a file in [resultFolder]. */
        internal fun uri(context: Context, file: File): Uri = Uri.Builder()
            .scheme("content")
            .authority("${context.packageName}.results")
            .appendPath(file.name)
            .build()
    }
}
