package org.mobilevit.demo

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.BadParcelableException
import android.os.Build
import android.os.Bundle
import android.os.Parcelable
import android.provider.MediaStore
import android.view.View
import android.widget.ImageView
import java.io.Closeable
import org.mobilevit.ImageException

/** Names what is in a photo that was picked here, or that another app shares. */
class PhotoActivity : Activity() {
    private val run by lazy { lastNonConfigurationInstance as? PhotoRun ?: PhotoRun(demo) }
    private val photo by lazy { findViewById<ImageView>(R.id.photo) }
    private val reading by lazy { findViewById<View>(R.id.reading) }
    private val result by lazy { ResultViews(findViewById(R.id.result), PhotoRun.SHOWN - 1) }
    private val problem by lazy { ProblemViews(findViewById(R.id.problem), { run.reopenModel() }) }
    private var watching: Closeable? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        drawBehindBars()
        setContentView(R.layout.photo)
        showToolbar(getString(R.string.photo_title))
        findViewById<View>(R.id.root).padByBars()
        photo.clipToOutline = true
        findViewById<View>(R.id.other).setOnClickListener { pick() }
        findViewById<View>(R.id.live).setOnClickListener { goLive() }
        if (run.state.value !is PhotoState.Choosing) return
        // a process that ended while the app was away left no more than the address
        val chosen = savedInstanceState?.getString(CHOSEN)?.let(Uri::parse) ?: shared(intent)
        when {
            chosen != null -> run.look(chosen)
            savedInstanceState == null -> pick()
        }
    }

    override fun onStart() {
        super.onStart()
        watching = run.state.observe(::render)
        demo.model.open()
    }

    override fun onStop() {
        watching?.close()
        super.onStop()
    }

    override fun onDestroy() {
        if (!isChangingConfigurations) run.close()
        super.onDestroy()
    }

    override fun onRetainNonConfigurationInstance(): Any = run

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        // what another app sent comes with the intent again, however long it is
        val picked = run.uri.takeIf { it != shared(intent) }
        outState.putString(CHOSEN, picked?.toString())
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        super.onActivityResult(requestCode, resultCode, data)
        val chosen = data?.data
        when {
            chosen != null -> run.look(chosen)

            // nothing was chosen, and nothing is shown
            run.state.value is PhotoState.Choosing -> finish()
        }
    }

    private fun render(state: PhotoState) {
        photo.setImageBitmap(state.photo)
        val bare = state is PhotoState.Failed && state.photo == null
        photo.visibility = if (bare) View.GONE else View.VISIBLE
        reading.visibility = if (state is PhotoState.Looking) View.VISIBLE else View.GONE
        result.visible = state is PhotoState.Named
        if (state is PhotoState.Named) {
            result.show(state.result)
            result.showTiming(state.result, state.classifier)
            result.announce(state.result)
        }
        problem.show(
            (state as? PhotoState.Failed)?.let {
                // another photo is always offered
                val wayOut = WayOut.REOPEN_MODEL.takeIf { _ -> it.cause !is ImageException }
                Problem(getString(it.title), resources.words(it.cause), wayOut)
            },
        )
    }

    private fun pick() {
        try {
            @Suppress("DEPRECATION") // what the platform has without a library
            startActivityForResult(pickIntent(), 0)
        } catch (_: ActivityNotFoundException) {
            run.fail(
                ImageException(
                    getString(R.string.photo_no_picker),
                    getString(R.string.photo_no_picker_hint),
                ),
            )
        }
    }

    private fun goLive() {
        // it may be another app that brought the photo here
        startActivity(
            Intent(this, LiveActivity::class.java).addFlags(Intent.FLAG_ACTIVITY_CLEAR_TOP),
        )
        finish()
    }

    private companion object {
        const val CHOSEN = "chosen"
    }
}

private fun pickIntent(): Intent = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
    Intent(MediaStore.ACTION_PICK_IMAGES).setType("image/*")
} else {
    Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("image/*")
}

private fun shared(intent: Intent): Uri? = when (intent.action) {
    Intent.ACTION_VIEW -> intent.data

    Intent.ACTION_SEND ->
        try {
            @Suppress("DEPRECATION") // the typed one is of API 33
            intent.getParcelableExtra<Parcelable>(Intent.EXTRA_STREAM) as? Uri
        } catch (_: BadParcelableException) {
            null // of a class that only the sender has
        }

    else -> null
}
