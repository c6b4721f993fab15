// The library for a desktop: the sources that need no Android, over ONNX Runtime for Java
plugins {
    alias(libs.plugins.kotlin.jvm)
    `java-library`
}

kotlin {
    jvmToolchain(17)
    sourceSets {
        main { kotlin.setSrcDirs(listOf("../src/core/kotlin", "../src/jvm/kotlin")) }
        test { kotlin.setSrcDirs(listOf("../src/coreTest/kotlin", "../src/testFixtures/kotlin")) }
    }
}

dependencies {
    implementation(libs.onnxruntime.desktop)

    testImplementation(libs.junit)
    testImplementation(libs.tensorflow.lite.desktop)
}

tasks.test {
    useJUnit()
    systemProperties(providers.gradlePropertiesPrefixedBy("mobilevit.").get())
}
