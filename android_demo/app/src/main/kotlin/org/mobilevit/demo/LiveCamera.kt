package org.mobilevit.demo

import android.content.Context
import android.graphics.ImageFormat
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CameraMetadata
import android.hardware.camera2.CaptureRequest
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.util.Size
import android.view.Surface
import java.util.concurrent.Executor

/** What is known of a camera before it is opened. */
internal class CameraInfo(
    val id: String,
    val front: Boolean,
    /** Degrees clockwise from the sensor's picture to one that is upright when the phone is. */
    val sensorOrientation: Int,
    /** Pixels of what is shown. */
    val preview: Size,
    /** Pixels of what is classified. */
    val frames: Size,
    /** Whether it can keep itself in focus; one of a fixed focus need not. */
    val focuses: Boolean,
)

/**
 * A camera that is open from [open] to [close]: a picture for the eye, and frames for the model.
 *
 * All is called on the main thread but [onFrame], which has the thread of [handler]; the frame is
 * closed after it. That thread outlives this, so that a camera which opens late is closed too.
 */
internal class LiveCamera(
    context: Context,
    private val handler: Handler,
    private val main: Executor,
    private val onFrame: (Image) -> Unit,
    private val onState: (CameraState) -> Unit,
) {
    private val cameras = context.getSystemService(CameraManager::class.java)
    private var opened: Opened? = null

    /**
     * The camera at the back, or the first that there is; null: there is none, or it does not say
     * what it gives.
     */
    fun find(): CameraInfo? = try {
        val infos = cameras.cameraIdList.mapNotNull(::describe)
        infos.firstOrNull { !it.front } ?: infos.firstOrNull()
    } catch (_: CameraAccessException) {
        null
    }

    /** Opens it, and shows it on [texture]. What was open is closed. */
    fun open(info: CameraInfo, texture: SurfaceTexture) {
        close()
        onState(CameraState.Opening)
        texture.setDefaultBufferSize(info.preview.width, info.preview.height)
        val opening = Opened(info, Surface(texture))
        opened = opening
        try {
            cameras.openCamera(info.id, opening.device, handler)
        } catch (error: CameraAccessException) {
            fail(opening, failure(error.reason))
        } catch (_: SecurityException) {
            fail(opening, CameraFailure.NOT_ALLOWED)
        } catch (_: IllegalArgumentException) {
            // unplugged since it was found
            fail(opening, CameraFailure.LOST)
        }
    }

    fun close() {
        val closing = opened ?: return
        opened = null
        closing.close()
        onState(CameraState.Off)
    }

    private fun fail(failed: Opened, reason: CameraFailure) {
        if (opened !== failed) return
        opened = null
        failed.close()
        onState(CameraState.Failed(reason))
    }

    private fun describe(id: String): CameraInfo? {
        val characteristics = cameras.getCameraCharacteristics(id)
        val sizes = characteristics[CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP]
            ?: return null
        val frames = framesSize(sizes.getOutputSizes(ImageFormat.YUV_420_888).orEmpty().asList())
            ?: return null
        val shown = sizes.getOutputSizes(SurfaceTexture::class.java).orEmpty().asList()
        return CameraInfo(
            id = id,
            front = characteristics[CameraCharacteristics.LENS_FACING] ==
                CameraMetadata.LENS_FACING_FRONT,
            sensorOrientation = characteristics[CameraCharacteristics.SENSOR_ORIENTATION] ?: 0,
            preview = previewSize(shown, frames) ?: return null,
            frames = frames,
            focuses = CONTINUOUS_FOCUS in
                (characteristics[CameraCharacteristics.CONTROL_AF_AVAILABLE_MODES] ?: intArrayOf()),
        )
    }

    /** A camera from the call to open it until it is closed. */
    private inner class Opened(private val info: CameraInfo, private val surface: Surface) {
        // one frame is looked at while the camera fills the other
        private val reader = ImageReader.newInstance(
            info.frames.width,
            info.frames.height,
            ImageFormat.YUV_420_888,
            2,
        ).apply {
            setOnImageAvailableListener({ it.acquireLatestImage()?.use(onFrame) }, handler)
        }

        // both belong to the camera's thread
        private var camera: CameraDevice? = null
        private var closed = false

        val device = object : CameraDevice.StateCallback() {
            override fun onOpened(camera: CameraDevice) {
                if (closed) return camera.close()
                this@Opened.camera = camera
                // the one call of both API 26 and 35
                @Suppress("DEPRECATION")
                attempt { camera.createCaptureSession(surfaces, session, handler) }
            }

            override fun onDisconnected(camera: CameraDevice) {
                camera.close()
                report(CameraFailure.LOST)
            }

            override fun onError(camera: CameraDevice, error: Int) {
                camera.close()
                report(
                    when (error) {
                        ERROR_CAMERA_IN_USE, ERROR_MAX_CAMERAS_IN_USE -> CameraFailure.IN_USE
                        ERROR_CAMERA_DISABLED -> CameraFailure.DISABLED
                        else -> CameraFailure.LOST
                    },
                )
            }
        }

        private val surfaces get() = listOf(surface, reader.surface)

        private val session = object : CameraCaptureSession.StateCallback() {
            override fun onConfigured(session: CameraCaptureSession) {
                if (closed) return
                attempt {
                    val request = session.device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
                    surfaces.forEach(request::addTarget)
                    if (info.focuses) request[CaptureRequest.CONTROL_AF_MODE] = CONTINUOUS_FOCUS
                    session.setRepeatingRequest(request.build(), null, handler)
                    main.execute { if (opened === this@Opened) onState(CameraState.Running) }
                }
            }

            override fun onConfigureFailed(session: CameraCaptureSession) =
                report(CameraFailure.LOST)
        }

        private fun attempt(use: () -> Unit) {
            try {
                use()
            } catch (error: CameraAccessException) {
                report(failure(error.reason))
            } catch (_: IllegalStateException) {
                // it was taken away between its callback and here
                report(CameraFailure.LOST)
            } catch (_: IllegalArgumentException) {
                // so was the surface, whose activity closes this already
                report(CameraFailure.LOST)
            }
        }

        private fun report(reason: CameraFailure) = main.execute { fail(this, reason) }

        fun close() {
            handler.post {
                closed = true
                camera?.close()
                reader.close()
                surface.release()
            }
        }
    }
}

private const val CONTINUOUS_FOCUS = CameraMetadata.CONTROL_AF_MODE_CONTINUOUS_PICTURE

/** The smallest of what the camera gives that has enough pixels for any model of a phone. */
internal fun framesSize(sizes: List<Size>): Size? =
    sizes.filter { minOf(it.width, it.height) >= 480 }.minByOrNull { it.width * it.height }
        ?: sizes.maxByOrNull { it.width * it.height }

/** The largest up to 1080p of the same proportions as the frames, so that both show the same. */
internal fun previewSize(sizes: List<Size>, frames: Size): Size? =
    sizes.filter { it.width * frames.height == it.height * frames.width }
        .filter { it.width <= 1920 && it.height <= 1440 }
        .maxByOrNull { it.width * it.height }
        ?: sizes.minByOrNull { it.width * it.height }

private fun failure(reason: Int): CameraFailure = when (reason) {
    CameraAccessException.CAMERA_IN_USE, CameraAccessException.MAX_CAMERAS_IN_USE ->
        CameraFailure.IN_USE

    CameraAccessException.CAMERA_DISABLED -> CameraFailure.DISABLED

    else -> CameraFailure.LOST
}
