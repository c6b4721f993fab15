package org.mobilevit.demo

import android.app.Activity
import android.view.View
import android.widget.TextView

/** Names the toolbar, and has its arrow leave the activity. */
internal fun Activity.showToolbar(title: CharSequence) {
    this.title = title
    findViewById<TextView>(R.id.toolbar_title).text = title
    findViewById<View>(R.id.back).setOnClickListener { finish() }
}
