// Kotlin's plugin is named here for its version: the Android plugin compiles Kotlin with it
plugins {
    alias(libs.plugins.android.application) apply false
    alias(libs.plugins.android.library) apply false
    alias(libs.plugins.kotlin.jvm) apply false
}
