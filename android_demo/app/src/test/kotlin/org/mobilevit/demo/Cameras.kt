package org.mobilevit.demo

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.ImageFormat
import android.graphics.Matrix
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CameraMetadata
import android.util.Size
import android.view.TextureView
import java.io.File
import java.time.Duration
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadow.api.Shadow
import org.robolectric.shadows.ShadowCameraCharacteristics
import org.robolectric.shadows.ShadowSystemClock
import org.robolectric.shadows.StreamConfigurationMapBuilder

/** Gives the device a camera at the back, as most phones have it. */
fun addCamera() {
    val characteristics = ShadowCameraCharacteristics.newCameraCharacteristics()
    val sizes = StreamConfigurationMapBuilder.newBuilder()
    for (size in listOf(Size(1440, 1080), Size(640, 480))) {
        sizes.addOutputSize(size)
        sizes.addOutputSize(ImageFormat.YUV_420_888, size)
    }
    Shadow.extract<ShadowCameraCharacteristics>(characteristics).apply {
        set(CameraCharacteristics.LENS_FACING, CameraMetadata.LENS_FACING_BACK)
        set(CameraCharacteristics.SENSOR_ORIENTATION, 90)
        set(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP, sizes.build())
    }
    val cameras = RuntimeEnvironment.getApplication().getSystemService(CameraManager::class.java)
    shadowOf(cameras).addCamera("0", characteristics)
}

/** What a display would do: gives the preview something to be drawn on. */
fun LiveActivity.drawPreview() {
    val preview = findViewById<TextureView>(R.id.preview)
    val texture = SurfaceTexture(false)
    preview.setSurfaceTexture(texture)
    preview.surfaceTextureListener?.onSurfaceTextureAvailable(
        texture,
        preview.width,
        preview.height,
    )
}

/** The camera sees this picture, a tenth of a second after it saw the last one. */
fun LiveActivity.see(picture: Bitmap): CameraFrame {
    ShadowSystemClock.advanceBy(Duration.ofMillis(100))
    // the sensor lies on its side while the phone is upright
    val turned = Matrix().apply { setRotate(360f - frames.rotation) }
    val frame = CameraFrame(
        Bitmap.createBitmap(picture, 0, 0, picture.width, picture.height, turned, true),
    )
    frame.use(frames::offer)
    return frame
}

fun picture(file: File): Bitmap = checkNotNull(BitmapFactory.decodeFile(file.path))
