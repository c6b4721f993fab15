"""What runs on the device: it reads a plan's folder and answers with records.

    python runner.pyz FOLDER

It imports NumPy and the runtimes alone, so that a small board needs nothing else; `archive.py`
packs it into the one file that is pushed there. The apps on Android and iOS do the same in their
own languages: `conduct.py` is the protocol that all of them follow.
"""
