package org.mobilevit.android

import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

class OwnedTest {
    private val closed = ArrayList<String>()

    private fun resource(name: String) = AutoCloseable { closed += name }

    @Test
    fun `the interpreter is closed before its delegate, and both once`() {
        val owned = closingUnlessDone { owned ->
            owned.add(resource("delegate"))
            owned.add(resource("interpreter"))
            owned
        }
        assertEquals(emptyList<String>(), closed)
        assertFalse(owned.isClosed)
        owned.close()
        owned.close()
        assertEquals(listOf("interpreter", "delegate"), closed)
        assertTrue(owned.isClosed)
    }

    @Test
    fun `where opening fails, what was made by then is closed`() {
        assertThrows(IllegalArgumentException::class.java) {
            closingUnlessDone<Unit> { owned ->
                owned.add(resource("delegate"))
                throw IllegalArgumentException("the interpreter does not take it")
            }
        }
        assertEquals(listOf("delegate"), closed)
    }

    @Test
    fun `an interpreter that cannot be read is closed as well`() {
        assertThrows(IllegalStateException::class.java) {
            closingUnlessDone<Unit> { owned ->
                owned.add(resource("delegate"))
                owned.add(resource("interpreter"))
                throw IllegalStateException("no signature")
            }
        }
        assertEquals(listOf("interpreter", "delegate"), closed)
    }
}
