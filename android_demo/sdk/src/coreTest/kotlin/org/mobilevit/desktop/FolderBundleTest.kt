package org.mobilevit.desktop

import java.io.FileNotFoundException
import java.nio.file.Files
import java.nio.file.Path
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.mobilevit.BundleException
import org.mobilevit.bundle.Bundle

class FolderBundleTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val folder: Path get() = temporary.root.toPath().resolve("bundle")

    @Before
    fun write() {
        Files.createDirectories(folder.resolve("golden"))
        Files.write(folder.resolve("golden/0.png"), byteArrayOf(1, 2))
        Files.write(folder.resolveSibling("outside"), byteArrayOf(3))
    }

    private fun read(path: String): List<Byte> =
        FolderBundle(folder.toFile()).open(path).use { it.readBytes().toList() }

    private fun refusal(path: String): String =
        assertThrows(BundleException::class.java) { read(path) }.message

    @Test
    fun `files and links that stay inside are read`() {
        Files.createSymbolicLink(folder.resolve("golden/1.png"), Path.of("0.png"))
        Files.createSymbolicLink(folder.resolve("more"), Path.of("golden"))
        for (path in listOf("golden/0.png", "golden/1.png", "more/0.png")) {
            assertEquals(listOf<Byte>(1, 2), read(path))
        }
    }

    @Test
    fun `a bundle behind a link is read`() {
        val link = Files.createSymbolicLink(folder.resolveSibling("link"), folder)
        assertEquals(1, FolderBundle(link.toFile()).open("golden/0.png").use { it.read() })
    }

    @Test
    fun `links out of the bundle are refused`() {
        Files.createSymbolicLink(folder.resolve("file"), Path.of("../outside"))
        Files.createSymbolicLink(folder.resolve("zero"), Path.of("/dev/zero"))
        Files.createSymbolicLink(folder.resolve("up"), Path.of(".."))
        for (path in listOf("file", "zero", "up/outside")) {
            assertTrue(refusal(path), refusal(path).endsWith("is a link out of the bundle"))
        }
    }

    @Test
    fun `links to nothing are told from files that are missing`() {
        Files.createSymbolicLink(folder.resolve("nothing"), Path.of("gone"))
        Files.createSymbolicLink(folder.resolve("circle"), Path.of("circle"))
        for (path in listOf("nothing", "circle")) {
            assertTrue(refusal(path), refusal(path).endsWith("is a link to nothing"))
        }
        for (path in listOf("gone", "golden/9.png", "golden/0.png/more")) {
            assertThrows(FileNotFoundException::class.java) { read(path) }
        }
    }

    @Test
    fun `a folder is no file, and no folder is no bundle`() {
        assertTrue(refusal("golden").endsWith("is not a file"))
        val gone = folder.resolveSibling("gone").toFile()
        val error = assertThrows(BundleException::class.java) { Bundle(FolderBundle(gone)) }
        assertEquals("`$gone` is not a bundle: it has no manifest.json", error.message)
    }
}
