package org.mobilevit.demo.benchmark

import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.mobilevit.demo.DemoApplication
import org.mobilevit.demo.JvmApplication
import org.mobilevit.demo.Model
import org.mobilevit.demo.waitUntil
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

/** The runs beside the model of the other screens. */
@RunWith(RobolectricTestRunner::class)
@Config(application = JvmApplication::class)
class BenchmarkRunsTest {
    private val app = RuntimeEnvironment.getApplication() as DemoApplication
    private val runs = app.benchmarkRuns

    private fun usual(): Choice {
        waitUntil("what there is to measure") { runs.state is RunState.Ready }
        return (runs.state as RunState.Ready).usual
    }

    @Test
    fun `what the other screens run is offered first`() {
        val usual = usual()
        app.model.open()
        waitUntil("the model") { app.model.state.value is Model.Ready }
        val live = (app.model.state.value as Model.Ready).classifier
        assertEquals(live.artifact.file, usual.offer.artifact.file)
        assertEquals(live.runtime.name, usual.offer.runtime.name)
        assertEquals(app.options.threads, usual.threads)
    }

    @Test
    fun `two layouts of one precision are told apart`() {
        val plain = usual().offer
        val other = plain.copy(artifact = plain.artifact.copy(layout = "neural-engine"))
        assertEquals("${app.resources.offer(plain)}, neural-engine", app.resources.offer(other))
    }

    @Test
    fun `the model of the other screens is closed before a run`() {
        val usual = usual()
        app.model.open()
        waitUntil("the model") { app.model.state.value is Model.Ready }
        runs.start(usual)
        assertEquals(Model.Closed, app.model.state.value)
        runs.stop(StopReason.PERSON)
        waitUntil("the end of the run") { runs.state !is RunState.Running }
    }
}
