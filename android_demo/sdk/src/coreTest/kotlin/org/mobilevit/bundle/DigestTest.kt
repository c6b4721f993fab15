package org.mobilevit.bundle

import org.junit.Assert.assertEquals
import org.junit.Test

class DigestTest {
    @Test
    fun `SHA-256 of the examples of FIPS 180-4`() {
        assertEquals(
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            sha256("abc".toByteArray()),
        )
        assertEquals(
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".toByteArray()),
        )
    }
}
