package org.mobilevit.android

import java.lang.reflect.InvocationTargetException
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** As far as a JVM goes, which LiteRT has no native library for. */
class RuntimesTest {
    @Test
    fun `an app may leave a runtime out`() {
        assertEquals(1, runtimes(Without("org.tensorflow.lite.")).size)
    }

    @Test
    fun `without any, each is named`() {
        val error = assertThrows(InvocationTargetException::class.java) {
            runtimes(Without("ai.onnxruntime."))
        }.targetException
        assertEquals("org.mobilevit.RefusedException", error.javaClass.name)
        val message = error.message.orEmpty()
        assertTrue(message, message.startsWith("LiteRT cannot be loaded: "))
        assertTrue(message, "this app was built without ai/onnxruntime/" in message)
    }

    private fun runtimes(loader: ClassLoader): List<*> =
        loader.loadClass("org.mobilevit.android.RuntimesKt")
            .getMethod("availableRuntimes")
            .invoke(null) as List<*>
}

/** Loads the library anew, and nothing whose name begins with [left]. */
private class Without(private val left: String) : ClassLoader(Without::class.java.classLoader) {
    override fun loadClass(name: String, resolve: Boolean): Class<*> {
        if (name.startsWith(left)) throw ClassNotFoundException(name)
        if (!name.startsWith("org.mobilevit.")) return super.loadClass(name, resolve)
        findLoadedClass(name)?.let { return it }
        val file = getResourceAsStream(name.replace('.', '/') + ".class")
            ?: throw ClassNotFoundException(name)
        val bytes = file.use { it.readBytes() }
        return defineClass(name, bytes, 0, bytes.size)
    }
}
