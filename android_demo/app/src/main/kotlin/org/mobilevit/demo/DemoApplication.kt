package org.mobilevit.demo

import android.app.Application
import android.content.ComponentCallbacks2
import android.content.Context
import android.os.Handler
import android.os.HandlerThread
import android.os.Looper
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import org.mobilevit.android.AssetBundle
import org.mobilevit.android.MobileViTClassifier
import org.mobilevit.android.Options
import org.mobilevit.android.Phone
import org.mobilevit.demo.benchmark.BenchmarkHost
import org.mobilevit.demo.benchmark.BenchmarkRuns

/**
 * What lives as long as the process.
 *
 * @param bundle folder among the assets, where `mobilevit embed` puts a bundle.
 * @param options how the bundle is opened.
 */
open class DemoApplication(internal val bundle: String, internal val options: Options) :
    Application(),
    BenchmarkHost {
    // the one that Android calls
    constructor() : this("mobilevit", Options())

    /** Runs on the main thread, in order. */
    internal val main = Handler(Looper.getMainLooper()).let { Executor(it::post) }

    /** Of the camera, which tells on it what it does. */
    internal val cameraHandler by lazy { Handler(HandlerThread("camera").apply { start() }.looper) }

    /** Reads and decodes files, one at a time. */
    internal val files = Executors.newSingleThreadExecutor { Thread(it, "files") }

    internal val model = ModelHolder(main) { MobileViTClassifier.open(this, bundle, options) }

    internal val selfTest by lazy {
        SelfTestRun(
            model = model,
            memory = getSharedPreferences("self-test", Context.MODE_PRIVATE),
            appVersion = version,
            main = main,
        )
    }

    /** Of the app. */
    internal val version: String by lazy {
        @Suppress("DEPRECATION") // what numbers a version before API 28
        packageManager.getPackageInfo(packageName, 0).run { "$versionName ($versionCode)" }
    }

    override val benchmarkRuns by lazy {
        // the model's memory and its self-test would be in what is measured
        BenchmarkRuns(this, AssetBundle(assets, bundle), options, Phone(this), model::close)
    }

    override fun onCreate() {
        super.onCreate()
        // before anyone opens the model, so that it is tested first
        selfTest
    }

    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        // nothing of the app is seen: whoever comes back opens it again
        if (level >= ComponentCallbacks2.TRIM_MEMORY_BACKGROUND) model.close()
    }
}

internal val Context.demo: DemoApplication get() = applicationContext as DemoApplication
