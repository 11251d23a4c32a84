#!/usr/bin/env python3
"""The page of `cairn serve` in headless Chromium: every kind of model is tried, light and wide, dark and narrow.

check_serve_page.py PROGRAM [--out FOLDER] [--runs FOLDER]: trains small runs (or takes those in FOLDER, named by their tasks),
serves them, acts on the page as a person would, and fails where nothing is said, the page is wider than its window, asks another
place for anything, or the browser's console holds an error. Screenshots are left in FOLDER. Exits with 77 where there is no
Chromium. Needs nothing but Python's own library.
"""
import argparse
import base64
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request


class Browser:
    """Chromium, spoken to by its DevTools protocol over a WebSocket (RFC 6455)."""

    def __init__(self, program, folder):
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0", f"--user-data-dir={folder}",
             "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file = pathlib.Path(folder) / "DevToolsActivePort"
        wait_until(lambda: port_file.exists() and "\n" in port_file.read_text(), 60, "Chromium did not start")
        port = int(port_file.read_text().split()[0])
        pages = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list"))
        path = next(p for p in pages if p["type"] == "page")["webSocketDebuggerUrl"].split(str(port), 1)[1]
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode() +
                             "\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        while self.file.readline() != b"\r\n":
            pass
        self.number, self.events = 0, []
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            self.call(domain + ".enable")

    def call(self, method, **params):
        self.number += 1
        data = json.dumps({"id": self.number, "method": method, "params": params}).encode()
        head = struct.pack("!BB", 0x81, 0x80 | 126) + struct.pack("!H", len(data)) if len(data) < 65536 else \
            struct.pack("!BBQ", 0x81, 0x80 | 127, len(data))
        self.socket.sendall(head + b"\0\0\0\0" + data)  # the mask is zero
        while True:
            message = json.loads(self.receive())
            if message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def receive(self):
        text = b""
        while True:
            first, size = self.file.read(2)
            size = {126: lambda: struct.unpack("!H", self.file.read(2))[0],
                    127: lambda: struct.unpack("!Q", self.file.read(8))[0]}.get(size, lambda: size)()
            text += self.file.read(size)
            if first & 0x80:
                return text

    def value(self, script):
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def give_file(self, selector, path):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def close(self):
        self.process.terminate()
        self.process.wait()


def wait_until(holds, seconds, message):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, message
        time.sleep(0.05)


TASKS = {  # what is trained, if no run is given; and what is done on the page
    "image-classification": ["--data", "digits", "--steps", "150", "--eval-every", "150"],
    "object-detection": ["--data", "shapes", "--steps", "40", "--batch", "4", "--width", "8", "--image-size", "64", "--eval-every", "40"],
    "language-model": ["--steps", "60", "--width", "32", "--layers", "1", "--context", "64", "--eval-every", "60"],
    "text-classification": ["--steps", "40", "--width", "32", "--heads", "2", "--layers", "1", "--vocab", "300", "--eval-every", "40"],
    "question-answering": ["--data", "people", "--embedding", "8", "--width", "8", "--batch", "8", "--steps", "6", "--eval-every", "3"],
    "speech-recognition": ["--data", "tones", "--steps", "6", "--eval-every", "3", "--width", "8", "--layers", "1", "--batch", "4"],
    "tabular": ["--steps", "60"],
}
FILES = {"image-classification", "object-detection", "speech-recognition", "tabular"}
TYPED = {"text-classification": "document.querySelector('textarea').value = 'wake me at six, please\\nplay some jazz'",
         "question-answering": "document.querySelector('textarea').value = 'Anna lives in Oslo.';"
                               "document.querySelector('main input').value = 'Where does Anna live?'",
         "language-model": "document.querySelector('[name=max_tokens]').value = 120"}
SAID = "document.querySelector('.sides').children[1].innerText"


def try_model(browser, name, sample, url, look):
    browser.call("Page.navigate", url="about:blank")
    browser.call("Page.navigate", url=f"{url}/#{name}")
    wait_until(lambda: browser.value("!!document.querySelector('.sides')"), 20, f"{name}: no page")
    if name in FILES:
        browser.give_file("input[type=file]", sample)
    else:
        browser.value(TYPED[name])
        browser.value("document.querySelector('button.go').click()")
    done = "document.querySelector('button.go').disabled === false && " + SAID + ".length > 60" if name == "language-model" else \
        f"/\\d ms/.test({SAID})"
    wait_until(lambda: browser.value(done), 30, f"{name}, {look}: nothing was said: " + str(browser.value(SAID)))
    said = browser.value(SAID)
    assert not browser.value("!!document.querySelector('.bad:not(.sides p)')"), said
    explains = "[...document.querySelectorAll('button')].find(b => b.innerText.startsWith('Show what') && b.offsetParent)"
    if browser.value("!!" + explains):
        browser.value(explains + ".click()")
        wait_until(lambda: browser.value("!!document.querySelector('iframe[data-shown]')"), 20, f"{name}: nothing explains it: " +
                   str(browser.value("document.querySelector('main').lastChild.innerText")))
        time.sleep(0.3)  # until it is painted
    else:
        assert name in ("object-detection", "question-answering"), f"{name} explains nothing"
    if name == "image-classification":
        assert browser.value("document.querySelectorAll('.bar').length") == 5, said
        assert browser.value("document.querySelector('canvas').width") > 100, "the picture is not shown"
    wide = browser.value("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{name}, {look}: {wide} pixels wider than the window"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program"), parser.add_argument("--out"), parser.add_argument("--runs")
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        print("no Chromium here")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        work, out = pathlib.Path(folder), pathlib.Path(given.out or folder + "/out")
        out.mkdir(parents=True, exist_ok=True)
        runs, samples = {}, {}
        for task, options in TASKS.items():
            there = given.runs and pathlib.Path(given.runs) / task
            runs[task] = there if there and there.exists() else work / task
            if not runs[task].exists():
                subprocess.run([given.program, "train", task, *options, "--threads", "1", "--quiet", "--out", runs[task]], check=True,
                               stdout=subprocess.DEVNULL)
            if task in FILES:
                listed = subprocess.run([given.program, "sample", task, "--out", work / ("in-" + task)], check=True, capture_output=True,
                                        text=True).stdout.split("\n")
                samples[task] = listed[3 if task == "image-classification" else 0]
        server = subprocess.Popen([given.program, "serve", *(f"{n}={p}" for n, p in runs.items()), "--port", "0"], stdout=subprocess.PIPE,
                                  text=True)
        url = server.stdout.readline().strip()
        browser = Browser(chromium, work / "chromium")
        try:
            colours = {}
            for scheme, width, height in (("light", 1280, 800), ("dark", 360, 760)):
                look = f"{scheme}-{width}"
                browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
                browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
                for name in runs:
                    try_model(browser, name, samples.get(name), url, look)
                    shot = browser.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
                    (out / f"{name}-{look}.png").write_bytes(base64.b64decode(shot))
                colours[scheme] = browser.value("getComputedStyle(document.body).backgroundColor")
            assert colours["light"] != colours["dark"], colours
            asked = {e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"}
            elsewhere = [u for u in asked if not u.startswith((url, "blob:", "data:", "about:"))]
            assert not elsewhere, elsewhere
            errors = [e["params"] for e in browser.events if e["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")
                      and e["params"].get("entry", {"level": "error"})["level"] == "error"]
            assert not errors, errors
            print(f"{len(runs)} models, light and wide, dark and narrow: each answers; {len(asked)} addresses asked, none elsewhere")
        finally:
            browser.close()
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
