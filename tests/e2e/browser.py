"""Debian's chromium without a screen (tools/install-packages browser-tests), which looks at one page."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import urllib.parse

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing leaves this machine, whatever a page asks for.
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--virtual-time-budget=20000",
]


def look_at(url):
    """The page as the browser has it after its scripts ran, and the URLs that the page itself asked for."""
    origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(url))
    with tempfile.TemporaryDirectory(prefix="fedlog-chromium-") as folder:
        log = pathlib.Path(folder, "net.json")
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder}/user", f"--log-net-log={log}", "--dump-dom", url]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"chromium: {done.returncode}\n{done.stderr[-2000:]}")
        events = json.loads(log.read_text())["events"]
    # The browser's own requests have no initiator.
    asked = [each["params"] for each in events if "url" in each.get("params", {}) and each["params"].get("initiator") == origin]
    return done.stdout, [params["url"] for params in asked]
