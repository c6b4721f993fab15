package org.mobilevit.demo

/** How far the camera is. */
internal sealed interface CameraState {
    data object Off : CameraState

    data object Opening : CameraState

    data object Running : CameraState

    data class Failed(val reason: CameraFailure) : CameraState
}

internal enum class CameraFailure {
    /** The device has none. */
    NONE,

    /** Another app has it. */
    IN_USE,

    /** The device's settings or its administrator block it. */
    DISABLED,

    /** It was taken away, or broke down. */
    LOST,

    /** The permission is gone. */
    NOT_ALLOWED,
}
