"""What the library and the app use of Android is in Android 8, the oldest they run on; but for what
stands here, which only a newer one comes to.

`android-all` has what apps may not use, too: that none of it is used, Gradle's `android.jar` tells.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.android.class_files import Jars, Member

BUILD = Path(__file__).parents[2] / "android_demo" / "build"
OURS = [BUILD / f"{name}.jar" for name in ("core", "sdk", "app")]
OLDEST, NEWEST = (BUILD / "classpath" / name for name in ("oldest", "android"))
pytestmark = pytest.mark.skipif(
    not all(path.is_file() for path in (*OURS, OLDEST, NEWEST)),
    reason="`make -C android_demo/ci api` makes it",
)

# by the class that asks for SDK_INT first
GUARDED = {
    "org.mobilevit.android.DecodeImageKt": {
        "android.graphics.Bitmap.setColorSpace",  # 29
        "android.graphics.ImageDecoder",  # 28
        "android.graphics.ImageDecoder$ImageInfo",
        "android.graphics.ImageDecoder$OnHeaderDecodedListener",
        "android.graphics.ImageDecoder$Source",
    },
    "org.mobilevit.android.Phone": {
        "android.os.Build.SOC_MANUFACTURER",  # 31
        "android.os.Build.SOC_MODEL",
        "android.os.PowerManager.getCurrentThermalStatus",  # 29
    },
    "org.mobilevit.demo.Bars$Companion": {
        "android.view.WindowInsets$Type",  # 30
        "android.view.WindowInsets.getInsets",
    },
    "org.mobilevit.demo.EdgeToEdgeKt": {"android.view.Window.setDecorFitsSystemWindows"},  # 30
    "org.mobilevit.demo.WarmthKt": {
        "android.os.PowerManager$OnThermalStatusChangedListener",  # 29
        "android.os.PowerManager.addThermalStatusListener",
        "android.os.PowerManager.getCurrentThermalStatus",
        "android.os.PowerManager.removeThermalStatusListener",
    },
    "org.mobilevit.demo.benchmark.ConditionKt": {
        "android.os.PowerManager.getCurrentThermalStatus",  # 29
    },
}

# android-all has no java.*; what we use of it through a class of Android's
INHERITED = {"java/lang/Object": {"hashCode"}, "java/lang/Thread": {"start"}}


def platform(class_path: Path) -> Jars:
    return Jars([Path(jar) for jar in class_path.read_text(encoding="utf-8").strip().split(":")])


def resolves(member: Member, classes: Jars) -> bool:
    """Whether a class of Android's has it, or what it extends."""
    if member.owner not in classes:
        return member.name in INHERITED.get(member.owner, ())
    owner = classes[member.owner]
    return member in owner.declared or any(
        resolves(member._replace(owner=parent), classes) for parent in owner.parents
    )


def beyond(classes: Jars) -> dict[str, set[str]]:
    """What each of our classes uses of Android that is not among these classes."""
    ours = Jars(OURS)
    found: dict[str, set[str]] = {}
    for user in ours:
        for used in user.used:
            member = used
            while member.owner in ours and member not in ours[member.owner].declared:
                member = member._replace(owner=ours[member.owner].parents[0])  # inherits it
            if not member.owner.startswith("android/"):
                continue
            if member.owner in classes and (not member.name or resolves(member, classes)):
                continue
            if member.name and member.owner not in classes:
                continue  # its class is named besides
            found.setdefault(user.name.replace("/", "."), set()).add(str(member))
    return found


def test_what_is_newer_than_android_8_is_asked_for_first() -> None:
    assert beyond(platform(OLDEST)) == GUARDED


def test_android_15_has_it_all() -> None:
    assert beyond(platform(NEWEST)) == {}
