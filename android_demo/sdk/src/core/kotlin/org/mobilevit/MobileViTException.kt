package org.mobilevit

/**
 * Everything this library throws on purpose. [message] names the cause and the offending thing in a
 * sentence without its full stop; [hint] is the way out, where there is one.
 */
sealed class MobileViTException(
    override val message: String,
    val hint: String?,
    cause: Throwable?,
) : Exception(message, cause)

/** There is no bundle, one of a newer schema, or one that is not as it was exported. */
class BundleException(
    message: String,
    hint: String? = "export the bundle again, or copy it again",
    cause: Throwable? = null,
) : MobileViTException(message, hint, cause)

/** What was given is not an image, is damaged, or is too large. */
class ImageException(message: String, hint: String? = null, cause: Throwable? = null) :
    MobileViTException(message, hint, cause)

/** A runtime, or the delegate asked of it, does not open or run an artifact. */
class RefusedException(message: String, hint: String? = null, cause: Throwable? = null) :
    MobileViTException(message, hint, cause)

/** An option or a plan that asks for what cannot be. */
class InputException(message: String, hint: String? = null, cause: Throwable? = null) :
    MobileViTException(message, hint, cause)
