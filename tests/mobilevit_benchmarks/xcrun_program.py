"""What `xcrun devicectl` does in the tests; see apple_tools.py.

Its words are those of `devicectl help device process launch` and of transcripts: "Launched
application with … bundle identifier.", "Waiting for the application to terminate…", "App terminated
due to signal 9".
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

here = Path(__file__).parent
arguments = sys.argv[1:]
with (here / "asked.jsonl").open("a", encoding="utf-8") as log:
    log.write(json.dumps(arguments) + "\n")
plan = json.loads((here / "plan.json").read_text(encoding="utf-8"))


def option(name):
    return arguments[arguments.index(name) + 1]


def end(error=None, status=1, said="", **result):
    info = {"arguments": arguments, "jsonVersion": 2, "version": "397.28"}
    outcome = {"error": error} if error else {"result": result}
    info["outcome"] = "failed" if error else "success"
    Path(option("--json-output")).write_text(json.dumps({"info": info, **outcome}))
    sys.stderr.write(said)
    sys.exit(status if error else 0)


def copy(way):
    if plan.get("copy"):
        end(**plan["copy"])
    if option("--domain-type") != "appDataContainer" or "--remove-existing-content" in arguments:
        sys.exit(64)
    if way == "to":  # a folder's content goes into the destination
        target = here / "container" / option("--destination")
        shutil.copytree(option("--source"), target, dirs_exist_ok=True)
    else:
        source = here / "container" / option("--source")
        if not source.exists():
            end({"code": 7000, "domain": "com.apple.dt.CoreDeviceError", "userInfo": {}})
        shutil.copyfile(source, option("--destination"))
    end(outputs=[])


def interrupted(*_):
    (here / "interrupted").touch()
    sys.exit(2)


def launch():
    signal.signal(signal.SIGINT, interrupted)
    if not {"--console", "--terminate-existing"} <= set(arguments):
        sys.exit(64)
    given = arguments[arguments.index("--") + 1 :]
    does = plan.get("launch", {}).get(given[0], {})
    if does.get("error"):
        end(does["error"], said=does.get("stderr", ""))
    if not sys.stdout.isatty():  # it would come all at once, at the end
        sys.exit(64)
    folder = here / "container" / "Documents" / "mobilevit-benchmark" / given[-1]
    if "app" in plan:
        attached([*plan["app"], "--root", str(here / "container" / "Documents"), *given])
    if given[0] == "--forget":
        shutil.rmtree(folder)
    if "records" in does:  # the app writes before it prints
        (folder / "records.jsonl").write_text(does["records"])
    sys.stdout.write("Launched application with org.mobilevit.demo bundle identifier.\r\n")
    sys.stdout.write("Waiting for the application to terminate…\r\n")
    for piece in does.get("prints", []):
        sys.stdout.write(piece)
        sys.stdout.flush()
    if does.get("then") == "hang":
        for _ in range(600):  # not all at once: a signal just before a sleep waits for its end
            time.sleep(0.1)
    end(process={"processIdentifier": 4711})


def attached(app):
    with subprocess.Popen(app) as process:
        signal.signal(signal.SIGINT, lambda *_: process.send_signal(signal.SIGINT))
        (here / "app.pid").write_text(str(process.pid))
        status = process.wait()
    if status < 0:
        sys.stdout.write(f"App terminated due to signal {-status}.\r\n")
        sys.stdout.flush()
    sys.exit(abs(status))


match arguments:
    case ["devicectl", "list", "devices", *_]:
        end(devices=plan["list"])
    case ["devicectl", "device", "copy", "to" | "from" as way, *_]:
        copy(way)
    case ["devicectl", "device", "process", "launch", *_]:
        launch()
sys.exit(64)
