package org.mobilevit.demo

import android.content.res.Resources
import java.util.Locale

/** That numbers are written in. */
internal val Resources.locale: Locale get() = configuration.locales[0]
