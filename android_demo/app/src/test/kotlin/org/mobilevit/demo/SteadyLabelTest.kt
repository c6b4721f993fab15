package org.mobilevit.demo

import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.mobilevit.classify.Classification
import org.mobilevit.classify.Prediction

class SteadyLabelTest {
    private val steady = SteadyLabel()

    private fun frame(label: Int) =
        Classification(listOf(Prediction(label, "label $label", 0.9f)), 0, 0)

    @Test
    fun `the first frame is shown at once`() {
        assertTrue(steady.isShown(frame(3), 0))
    }

    @Test
    fun `a label of one frame only does not flicker past`() {
        assertTrue(steady.isShown(frame(3), 0))
        assertFalse(steady.isShown(frame(7), 100))
        assertTrue(steady.isShown(frame(3), 200))
        assertFalse(steady.isShown(frame(7), 300))
        assertFalse(steady.isShown(frame(5), 400))
        assertTrue(steady.isShown(frame(5), 500))
    }

    @Test
    fun `a label is said once, when it has stayed`() {
        assertTrue(steady.isShown(frame(3), 0))
        assertFalse(steady.isSaid(900))
        assertTrue(steady.isSaid(1000))
        assertFalse(steady.isSaid(5000))
        steady.isShown(frame(7), 6000)
        assertTrue(steady.isShown(frame(7), 6100))
        assertFalse(steady.isSaid(6200))
        assertTrue(steady.isSaid(7100))
    }
}
