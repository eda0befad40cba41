"""A real headless browser, steered over a pipe (the Chrome DevTools Protocol), so that no package for it is needed."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time

from .waiting import LIVENESS


def chromium():
    """The browser's path, or None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


PLACE_AND_RUN = """
import os, sys
for place, end in ((3, 1), (4, 2)):
    os.dup2(int(sys.argv[end]), place)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Page:
    """One page of a browser of its own. `problems` are what its console and its security policy had to say."""

    def __init__(self, folder, width, height=900, dark=False):
        self.folder, self.width, self.height, self.dark = folder, width, height, dark
        self.problems = []
        self.requests = []
        self._session = None
        self._number = 0
        self._buffer = b""

    def __enter__(self):
        # Chromium reads commands from descriptor 3 and writes to 4, each ended by a NUL. The pipes get higher numbers
        # first, so that neither is closed when the other is put in its place.
        commands, self._out = os.pipe()
        self._in, answers = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (commands, answers)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", PLACE_AND_RUN, *map(str, ends), chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--remote-debugging-pipe", f"--user-data-dir={self.folder}",
             f"--window-size={self.width},{self.height}", "about:blank"],
            pass_fds=ends, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for descriptor in (commands, answers, *ends):
            os.close(descriptor)
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self(domain + ".enable")
        self("Emulation.setDeviceMetricsOverride", width=self.width, height=self.height, deviceScaleFactor=1,
             mobile=self.width < 600)
        self("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if self.dark else "light"}])
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def __call__(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _next(self, deadline=None):
        deadline = deadline or time.monotonic() + 2 * LIVENESS
        while b"\0" not in self._buffer:
            if not select.select([self._in], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            more = os.read(self._in, 1 << 16)
            if not more:
                raise ConnectionError("the browser has ended")
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(line)
        self._note(message.get("method"), message.get("params"))
        return message

    def _note(self, method, parameters):
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.problems.append(parameters["exceptionDetails"].get("text"))
        elif method == "Runtime.consoleAPICalled":
            self.problems.append(str(parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("warning", "error"):
            self.problems.append(parameters["entry"]["text"])
        elif method == "Audits.issueAdded":
            self.problems.append(parameters["issue"]["code"])

    def open(self, url):
        self("Page.navigate", url=url)

    def evaluate(self, expression):
        return self("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait_for(self, expression, within=LIVENESS):
        deadline = time.monotonic() + within
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, f"{expression}: not within {within:g} s"
            time.sleep(0.05)
        return value

    def screenshot(self, path):
        picture = self("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(picture["data"]))
        return path
