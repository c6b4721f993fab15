plugins {
    alias(libs.plugins.android.application)
}

android {
    namespace = "org.mobilevit.demo"
    compileSdk = 35

    defaultConfig {
        applicationId = "org.mobilevit.demo"
        minSdk = 26
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
    }

    androidResources {
        // so that an artifact is mapped into memory from where it lies
        noCompress += "onnx"
        noCompress += "tflite"
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(
                getDefaultProguardFile("proguard-android-optimize.txt"),
                "proguard-rules.pro",
            )
            // to try it; what is published is signed with a key of one's own
            signingConfig = signingConfigs.getByName("debug")
        }
    }

    // ci/Makefile runs the tests: some extend classes that android.jar does not let be extended
    sourceSets.named("test") {
        kotlin.directories.clear()
    }
}

dependencies {
    implementation(project(":sdk"))
}
