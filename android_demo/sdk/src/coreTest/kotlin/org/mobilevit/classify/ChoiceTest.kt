package org.mobilevit.classify

import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Test
import org.mobilevit.BundleException
import org.mobilevit.InputException
import org.mobilevit.RefusedException
import org.mobilevit.runtime.DesktopLiteRt
import org.mobilevit.runtime.OnnxRuntime

class ChoiceTest {
    private val bundle = testBundle()
    private val liteRt = DesktopLiteRt()
    private val onnxRuntime = OnnxRuntime()

    @Test
    fun `the first runtime's artifact is preferred, and of LiteRT's the smaller`() {
        val choice = chooseArtifact(bundle, listOf(liteRt, onnxRuntime))
        assertEquals(Choice(bundle.artifact("mobilevit_xxs_fp16.tflite"), liteRt), choice)
    }

    @Test
    fun `of ONNX Runtime's the more precise is preferred`() {
        val choice = chooseArtifact(bundle, listOf(onnxRuntime))
        assertEquals(Choice(bundle.artifact("mobilevit_xxs_fp32.onnx"), onnxRuntime), choice)
    }

    @Test
    fun `floats come before what is quantized, and a plain graph before one for a Neural Engine`() {
        val fp16 = bundle.artifact("mobilevit_xxs_fp16.tflite")
        val int8 = fp16.copy(precision = "int8")
        val weights = fp16.copy(precision = "int8-weights")
        val fp32 = fp16.copy(precision = "fp32")
        val other = fp16.copy(layout = "neural-engine")
        val unknown = fp16.copy(precision = "int4")
        val ranked = listOf(fp16, other, fp32, weights, int8, unknown)
        for (count in ranked.indices) {
            assertEquals(ranked[count], preferred(ranked.drop(count).reversed()))
        }
        assertEquals("fp16, neural-engine", other.variant)
    }

    @Test
    fun `what the export found fault with comes last`() {
        val fp32 = bundle.artifact("mobilevit_xxs_fp32.onnx")
        val slow = fp32.copy(faults = listOf("slower than fp32"))
        val int8 = fp32.copy(precision = "int8")
        assertEquals(int8, preferred(listOf(slow, int8)))
        assertEquals(slow, preferred(listOf(slow)))
        assertNull(preferred(emptyList()))
    }

    @Test
    fun `an artifact by name is opened by the runtime for it`() {
        val choice = chooseArtifact(bundle, listOf(liteRt, onnxRuntime), "mobilevit_xxs_fp16.onnx")
        assertEquals(Choice(bundle.artifact("mobilevit_xxs_fp16.onnx"), onnxRuntime), choice)
    }

    @Test
    fun `an artifact that is not there, or that nothing opens, is refused`() {
        assertThrows(BundleException::class.java) { chooseArtifact(bundle, RUNTIMES, "other.onnx") }
        assertThrows(InputException::class.java) {
            chooseArtifact(bundle, listOf(liteRt), "mobilevit_xxs_fp32.onnx")
        }
        assertThrows(InputException::class.java) { chooseArtifact(bundle, emptyList()) }
    }

    @Test
    fun `a delegate that refuses gives way to the first one, and that is told`() {
        val choice = chooseArtifact(bundle, listOf(liteRt))
        val opened = openClassifier(bundle, choice, threads = 1, delegate = "gpu")
        opened.classifier.use { assertEquals("XNNPACK", it.delegate.take(7)) }
        assertEquals("LiteRT has no delegate `gpu` here", opened.refusal)
    }

    @Test
    fun `a delegate that is there is not replaced`() {
        val choice = chooseArtifact(bundle, listOf(liteRt))
        val opened = openClassifier(bundle, choice, threads = 1, delegate = "builtin")
        opened.classifier.use { assertEquals("builtin kernels", it.delegate) }
        assertNull(opened.refusal)
    }

    @Test
    fun `without fallback a delegate that refuses is an error`() {
        val choice = chooseArtifact(bundle, listOf(onnxRuntime))
        val error = assertThrows(RefusedException::class.java) {
            openClassifier(bundle, choice, threads = 1, delegate = "nnapi", fallback = false)
        }
        assertEquals("ONNX Runtime has no delegate `nnapi` here", error.message)
        assertEquals("it has cpu", error.hint)
    }
}
