plugins {
    alias(libs.plugins.android.library)
}

android {
    namespace = "org.mobilevit.android"
    compileSdk = 35

    defaultConfig {
        minSdk = 26
        consumerProguardFiles("consumer-rules.pro")
    }

    sourceSets.named("main") {
        kotlin.directories += "src/core/kotlin"
    }
    // ci/Makefile runs the tests: some extend classes that android.jar does not let be extended
    sourceSets.named("test") {
        kotlin.directories.clear()
    }
}

dependencies {
    implementation(libs.litert)
    implementation(libs.litert.gpu)
    implementation(libs.litert.gpu.api)
    implementation(libs.onnxruntime.android)
}
