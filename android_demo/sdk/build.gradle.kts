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
    sourceSets.named("test") {
        kotlin.directories += "src/testFixtures/kotlin"
    }

    testOptions.unitTests {
        // Robolectric finds the bundle among the app's assets; here it is given the folder
        isIncludeAndroidResources = true
        all { test ->
            providers.gradlePropertiesPrefixedBy("mobilevit.").get().forEach(test::systemProperty)
        }
    }
}

dependencies {
    implementation(libs.litert)
    implementation(libs.litert.gpu)
    implementation(libs.litert.gpu.api)
    implementation(libs.onnxruntime.android)

    testImplementation(libs.junit)
    testImplementation(libs.onnxruntime.desktop)
    testImplementation(libs.robolectric)
    testImplementation(libs.tensorflow.lite.desktop)
}
