package org.mobilevit.demo

import android.content.res.Resources
import org.mobilevit.MobileViTException

/** What the live screen shows. Results and warmth pass over it without a new state. */
internal sealed interface LiveState {
    /** The model or the camera opens, or the system asks for the permission. */
    data object Starting : LiveState

    data object Watching : LiveState

    data class Blocked(val problem: Problem) : LiveState
}

/** Whether the app may see through the camera. */
internal enum class CameraPermission {
    GRANTED,

    /** The system asks, just now. */
    ASKING,

    DENIED,

    /** The system does not ask any more. */
    DENIED_FOR_GOOD,
}

/**
 * The state of the live screen.
 *
 * @param stopped why the model does not classify frames any more; null: it does.
 * @param seen whether a frame was classified.
 */
internal fun liveState(
    resources: Resources,
    model: Model,
    stopped: MobileViTException?,
    permission: CameraPermission,
    camera: CameraState,
    seen: Boolean,
): LiveState {
    fun blocked(title: Int, text: Int, wayOut: WayOut?): LiveState =
        LiveState.Blocked(Problem(resources.getString(title), resources.getString(text), wayOut))

    fun broken(title: Int, cause: MobileViTException): LiveState = LiveState.Blocked(
        Problem(resources.getString(title), resources.words(cause), WayOut.REOPEN_MODEL),
    )

    // without a model nothing else is worth asking for
    if (model is Model.Failed) return broken(R.string.model_failed_title, model.cause)
    if (stopped != null) return broken(R.string.model_run_failed_title, stopped)
    when (permission) {
        CameraPermission.GRANTED -> Unit

        CameraPermission.ASKING -> return LiveState.Starting

        CameraPermission.DENIED ->
            return blocked(
                R.string.camera_reason_title,
                R.string.camera_reason,
                WayOut.ALLOW_CAMERA,
            )

        CameraPermission.DENIED_FOR_GOOD ->
            return blocked(R.string.camera_off_title, R.string.camera_off, WayOut.OPEN_SETTINGS)
    }
    if (camera !is CameraState.Failed) {
        return if (seen) LiveState.Watching else LiveState.Starting
    }
    val again = WayOut.REOPEN_CAMERA
    return when (camera.reason) {
        CameraFailure.NONE -> blocked(R.string.camera_none_title, R.string.camera_none, null)

        CameraFailure.IN_USE ->
            blocked(R.string.camera_in_use_title, R.string.camera_in_use, again)

        CameraFailure.DISABLED ->
            blocked(R.string.camera_disabled_title, R.string.camera_disabled, again)

        CameraFailure.LOST -> blocked(R.string.camera_lost_title, R.string.camera_lost, again)

        CameraFailure.NOT_ALLOWED ->
            blocked(R.string.camera_off_title, R.string.camera_off, WayOut.OPEN_SETTINGS)
    }
}
