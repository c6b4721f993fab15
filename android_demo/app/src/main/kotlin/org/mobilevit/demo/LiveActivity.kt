package org.mobilevit.demo

import android.Manifest
import android.app.Activity
import android.content.Intent
import android.content.pm.PackageManager
import android.graphics.SurfaceTexture
import android.hardware.display.DisplayManager
import android.net.Uri
import android.os.Bundle
import android.os.SystemClock
import android.provider.Settings
import android.view.Surface
import android.view.TextureView
import java.io.Closeable
import org.mobilevit.MobileViTException
import org.mobilevit.classify.Classification

/** Names what the camera sees. */
class LiveActivity : Activity() {
    private val views by lazy { LiveViews(this) }
    internal val frames by lazy { FrameClassifier(demo.main, ::show, ::stop) }
    private val camera by lazy {
        LiveCamera(this, demo.cameraHandler, demo.main, frames::offer) {
            cameraState = it
            update()
        }
    }
    private var info: CameraInfo? = null
    internal var cameraState: CameraState = CameraState.Off
        private set
    private var stopped: MobileViTException? = null
    private var asked = false
    private var asking = false
    private var refusedForGood = false
    private var resumed = false
    private var steady = SteadyLabel()
    private var timedMs = 0L
    private var seen = false
    private val watching = mutableListOf<Closeable>()

    private val surface = object : TextureView.SurfaceTextureListener {
        override fun onSurfaceTextureAvailable(texture: SurfaceTexture, width: Int, height: Int) =
            openCamera()

        override fun onSurfaceTextureSizeChanged(texture: SurfaceTexture, width: Int, height: Int) =
            turn()

        override fun onSurfaceTextureDestroyed(texture: SurfaceTexture): Boolean {
            camera.close()
            return true
        }

        override fun onSurfaceTextureUpdated(texture: SurfaceTexture) = Unit
    }

    // a phone turned upside down gets no new activity
    private val turns = object : DisplayManager.DisplayListener {
        override fun onDisplayAdded(displayId: Int) = Unit

        override fun onDisplayRemoved(displayId: Int) = Unit

        override fun onDisplayChanged(displayId: Int) = turn()
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        asked = savedInstanceState?.getBoolean(ASKED) ?: false
        asking = savedInstanceState?.getBoolean(ASKING) ?: false
        refusedForGood = savedInstanceState?.getBoolean(REFUSED) ?: false
        drawBehindBars()
        setContentView(R.layout.live)
        title = getString(R.string.live_title)
        views.gallery.setOnClickListener { open(PhotoActivity::class.java) }
        views.benchmark.setOnClickListener { open(BenchmarkActivity::class.java) }
        views.selfTest.setOnClickListener { open(SelfTestActivity::class.java) }
        views.notice.setOnClickListener { open(SelfTestActivity::class.java) }
        views.preview.surfaceTextureListener = surface
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putBoolean(ASKED, asked)
        outState.putBoolean(ASKING, asking)
        outState.putBoolean(REFUSED, refusedForGood)
    }

    override fun onStart() {
        super.onStart()
        watching += demo.selfTest.state.observe(views::showNotice)
        watching += demo.model.state.observe(::modelIs)
        watching += watchWarmth(this, views::showWarmth)
        demo.model.open()
    }

    override fun onResume() {
        super.onResume()
        resumed = true
        getSystemService(DisplayManager::class.java).registerDisplayListener(turns, null)
        when {
            isCameraGranted() -> {
                asking = false
                refusedForGood = false
                openCamera()
            }

            !asked -> askForCamera()
        }
        update()
    }

    override fun onPause() {
        resumed = false
        getSystemService(DisplayManager::class.java).unregisterDisplayListener(turns)
        camera.close()
        // what failed is tried again on return
        cameraState = CameraState.Off
        super.onPause()
    }

    override fun onStop() {
        watching.forEach(Closeable::close)
        watching.clear()
        frames.classifier = null
        super.onStop()
    }

    override fun onRequestPermissionsResult(
        requestCode: Int,
        permissions: Array<String>,
        grantResults: IntArray,
    ) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        asking = false
        // no answer at all: the question went away with the activity
        refusedForGood = grantResults.isNotEmpty() && !isCameraGranted() &&
            !shouldShowRequestPermissionRationale(Manifest.permission.CAMERA)
        update()
    }

    private fun isCameraGranted() =
        checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED

    private fun askForCamera() {
        asked = true
        asking = true
        requestPermissions(arrayOf(Manifest.permission.CAMERA), 0)
    }

    private fun permission(): CameraPermission = when {
        isCameraGranted() -> CameraPermission.GRANTED
        asking -> CameraPermission.ASKING
        refusedForGood -> CameraPermission.DENIED_FOR_GOOD
        else -> CameraPermission.DENIED
    }

    private fun openCamera() {
        val texture = views.preview.surfaceTexture ?: return
        if (!resumed || !isCameraGranted() || cameraState !is CameraState.Off) return
        val found = camera.find()
        info = found
        if (found == null) {
            cameraState = CameraState.Failed(CameraFailure.NONE)
            return update()
        }
        turn()
        camera.open(found, texture)
    }

    private fun turn() {
        val info = info ?: return
        val rotation = views.preview.display?.rotation ?: Surface.ROTATION_0
        frames.rotation = uprightRotation(info.sensorOrientation, rotation, info.front)
        views.preview.setTransform(
            ViewfinderGeometry(info.preview, info.sensorOrientation, rotation)
                .transform(views.preview.width, views.preview.height),
        )
    }

    private fun modelIs(model: Model) {
        val ready = model as? Model.Ready
        frames.classifier = ready?.classifier
        if (ready == null) {
            // what is shown is of the model that is gone
            seen = false
        } else {
            stopped = null
            views.frame.share =
                ready.classifier.bundle.manifest.preprocessing.cropFraction.toFloat()
        }
        update()
    }

    private fun show(result: Classification) {
        val classifier = frames.classifier ?: return
        val now = SystemClock.uptimeMillis()
        if (!seen) {
            seen = true
            update()
        }
        if (steady.isShown(result, now)) views.result.show(result)
        if (steady.isSaid(now)) views.result.announce(result)
        // a number that changes ten times a second is not read
        if (now - timedMs >= TIMING_MS || timedMs == 0L) {
            timedMs = now
            views.result.showTiming(result, classifier)
        }
    }

    private fun stop(cause: MobileViTException) {
        stopped = cause
        frames.classifier = null
        update()
    }

    private fun update() = views.render(
        liveState(resources, demo.model.state.value, stopped, permission(), cameraState, seen),
    )

    internal fun take(wayOut: WayOut) {
        when (wayOut) {
            WayOut.ALLOW_CAMERA -> askForCamera()

            WayOut.OPEN_SETTINGS -> openSettings()

            WayOut.REOPEN_CAMERA -> {
                cameraState = CameraState.Off
                openCamera()
            }

            WayOut.REOPEN_MODEL -> {
                stopped = null
                demo.model.close()
                demo.model.open()
            }
        }
        update()
    }

    private fun openSettings() = startActivity(
        Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS)
            .setData(Uri.fromParts("package", packageName, null)),
    )

    private fun open(activity: Class<out Activity>) = startActivity(Intent(this, activity))

    private companion object {
        const val ASKED = "asked"
        const val ASKING = "asking"
        const val REFUSED = "refused for good"
        const val TIMING_MS = 1000L
    }
}
