package org.mobilevit.demo

import android.app.Activity
import android.os.Bundle
import java.io.Closeable

/** Says whether this phone computes what the training computed, and what it runs. */
class SelfTestActivity : Activity() {
    private val views by lazy { SelfTestViews(this, ::again) }
    private val watching = mutableListOf<Closeable>()

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        drawBehindBars()
        setContentView(R.layout.self_test)
        showToolbar(getString(R.string.self_test_title))
    }

    override fun onStart() {
        super.onStart()
        watching += demo.model.state.observe { render() }
        watching += demo.selfTest.state.observe { render() }
        demo.model.open()
        // a pass of an earlier start has no details any more
        val known = demo.selfTest.state.value
        if (known is SelfTestState.PassedBefore || known is SelfTestState.NotRun) {
            demo.selfTest.run()
        }
    }

    override fun onStop() {
        watching.forEach(Closeable::close)
        watching.clear()
        super.onStop()
    }

    private fun render() {
        views.render(demo.model.state.value, demo.selfTest.state.value)
        demo.selfTest.markRead()
    }

    private fun again() {
        if (demo.model.state.value !is Model.Ready) demo.model.open()
        demo.selfTest.run()
    }
}
