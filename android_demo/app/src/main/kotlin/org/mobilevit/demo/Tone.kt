package org.mobilevit.demo

/** The colours and the icon of a card by what it says. */
internal enum class Tone(val background: Int, val text: Int, val icon: Int) {
    NEUTRAL(R.drawable.card_neutral, R.color.text_primary, R.drawable.ic_check),
    GOOD(R.drawable.card_good, R.color.good, R.drawable.ic_good),
    WARN(R.drawable.card_warn, R.color.warn, R.drawable.ic_bad),
    BAD(R.drawable.card_bad, R.color.bad, R.drawable.ic_bad),
}
