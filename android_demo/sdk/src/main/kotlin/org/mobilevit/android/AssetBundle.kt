package org.mobilevit.android

import android.content.res.AssetManager
import java.io.InputStream
import org.mobilevit.bundle.BundleFiles

/** A bundle among an app's assets, as `mobilevit embed` puts it there. */
class AssetBundle(private val assets: AssetManager, private val folder: String) : BundleFiles {
    override val name: String get() = "assets/$folder"

    override fun open(path: String): InputStream = assets.open("$folder/$path")
}
