#!/usr/bin/env python3
"""Opens HTML reports from disk in headless Chromium, as a phone and a desktop show them, light, dark
and in print, and fails on anything that is not well: an error on the console, a request for anything
but the file, a chart that is empty or cannot be read out, a page wider than its window, a script.

    open_report.py [--charts N] [--screenshots DIR] PAGE.html...

Needs Chromium and nothing else: it is driven through a pipe by the DevTools protocol.
"""

import argparse
import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

MOST_BYTES = 1_500_000
PATIENCE_S = 60
# Name, width, height, pixels of the screen for one of the page; colour scheme, medium. Paper is A4.
WAYS = [
    ("phone", 390, 844, 2, "light", "screen"),
    ("phone", 390, 844, 2, "dark", "screen"),
    ("desktop", 1280, 900, 1, "light", "screen"),
    ("desktop", 1280, 900, 1, "dark", "screen"),
    ("paper", 720, 1040, 1, "dark", "print"),
]
# Smallest text of a chart that can be read, in pixels of the page.
SMALLEST_TEXT = 8.0

LOOK = """
(() => {
  const charts = [...document.querySelectorAll('svg')].map(svg => {
    const box = svg.getBoundingClientRect();
    const scale = box.width / svg.viewBox.baseVal.width;
    const sizes = [...svg.querySelectorAll('text')].map(t => scale * parseFloat(t.getAttribute('font-size')));
    return {
      title: svg.querySelector('title')?.textContent ?? '',
      described: !!svg.querySelector('desc')?.textContent && svg.getAttribute('role') === 'img',
      shapes: svg.querySelectorAll('path,polyline,polygon,rect,circle,line').length,
      width: box.width, height: box.height, smallest: Math.min(...sizes),
    };
  });
  const handlers = [...document.querySelectorAll('*')].filter(
    e => [...e.attributes].some(a => a.name.startsWith('on')));
  return {
    charts, handlers: handlers.length, scripts: document.scripts.length,
    frames: document.querySelectorAll('iframe,object,embed,img,link').length,
    wide: document.documentElement.scrollWidth, window: document.documentElement.clientWidth,
    height: Math.ceil(document.documentElement.scrollHeight),
    page: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.body).color,
    heading: document.querySelector('h1')?.textContent ?? '',
  };
})()
"""


class Browser:
    """A Chromium that listens on a pipe."""

    def __init__(self, profile):
        name = next((n for n in ("chromium", "chromium-browser", "google-chrome") if shutil.which(n)), None)
        if name is None:
            sys.exit("Chromium is not installed: apt-get install chromium")
        to_browser, self.write_to = os.pipe()
        self.read_from, from_browser = os.pipe()

        def take_pipes():
            os.dup2(to_browser, 103)
            os.dup2(from_browser, 104)
            os.dup2(103, 3)
            os.dup2(104, 4)

        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
                 "--hide-scrollbars", "--no-first-run", f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen([name, *flags], preexec_fn=take_pipes, pass_fds=(3, 4),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b""
        self.number = 0
        self.events = []
        self.session = None

    def message(self, deadline):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read_from], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("Chromium does not answer")
            piece = os.read(self.read_from, 1 << 20)
            if not piece:
                raise RuntimeError("Chromium has ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.write_to, json.dumps(request).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = self.message(deadline)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method):
        deadline = time.monotonic() + PATIENCE_S
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.message(deadline))

    def new_page(self):
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        self.session = None
        try:
            self.call("Browser.close")
        except (RuntimeError, TimeoutError, OSError):
            self.process.kill()
        self.process.wait(timeout=PATIENCE_S)


def complaints(events, url):
    """What the browser noticed that should not be."""
    for event in events:
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                yield f"exception: {params['exceptionDetails'].get('text')}"
            case "Runtime.consoleAPICalled":
                yield f"console: {params['type']} {params['args']}"
            case "Log.entryAdded":
                entry = params["entry"]
                yield f"log: {entry['level']} {entry['text']} {entry.get('url', '')}"
            case "Network.requestWillBeSent" if params["request"]["url"] != url:
                yield f"request for {params['request']['url']}"


def open_page(browser, page, way, charts, screenshots):
    """Opens the page once; returns what is wrong with it and what was seen."""
    name, width, height, scale, scheme, media = way
    url = page.resolve().as_uri()
    browser.new_page()
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                 mobile=name == "phone")
    browser.call("Emulation.setEmulatedMedia", media=media,
                 features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.events = []
    browser.call("Page.navigate", url=url)
    browser.wait_for("Page.loadEventFired")
    seen = browser.call("Runtime.evaluate", expression=LOOK, returnByValue=True)["result"]["value"]
    wrong = list(complaints(browser.events, url))
    if len(seen["charts"]) < charts:
        wrong.append(f"{len(seen['charts'])} charts, expected at least {charts}")
    for chart in seen["charts"]:
        if not (chart["title"] and chart["described"] and chart["shapes"] and chart["width"] > 100
                and chart["height"] > 50):
            wrong.append(f"chart is empty or has no words: {chart}")
        elif media == "screen" and chart["smallest"] < SMALLEST_TEXT:
            wrong.append(f"text of {chart['smallest']:.1f} px in the chart {chart['title']}")
    if seen["wide"] > seen["window"]:
        wrong.append(f"the page is {seen['wide']} px wide in a window of {seen['window']} px")
    if seen["scripts"] or seen["handlers"] or seen["frames"]:
        wrong.append(f"{seen['scripts']} scripts, {seen['handlers']} handlers, {seen['frames']} things from elsewhere")
    if not seen["heading"]:
        wrong.append("no heading")
    if screenshots:
        shot = browser.call("Page.captureScreenshot", captureBeyondViewport=True,
                            clip={"x": 0, "y": 0, "width": width, "height": seen["height"], "scale": 1})
        target = screenshots / f"{page.stem}-{name}-{scheme}.png"
        target.write_bytes(base64.b64decode(shot["data"]))
    if media == "print":
        pdf = base64.b64decode(browser.call("Page.printToPDF", printBackground=True)["data"])
        if len(pdf) < 10_000:
            wrong.append(f"a print of {len(pdf)} bytes only")
        if screenshots:
            (screenshots / f"{page.stem}.pdf").write_bytes(pdf)
    return wrong, seen


def check(browser, page, charts, screenshots):
    """Opens the page in every way; returns what is wrong with it."""
    wrong = []
    size = page.stat().st_size
    if size > MOST_BYTES:
        wrong.append(f"{size} bytes, over {MOST_BYTES}")
    colours = {}
    for way in WAYS:
        found, seen = open_page(browser, page, way, charts, screenshots)
        name, scheme = way[0], way[4]
        wrong += [f"{name}, {scheme}: {what}" for what in found]
        colours[name, scheme] = (seen["page"], seen["ink"])
    for name in ("phone", "desktop"):
        if colours[name, "light"] == colours[name, "dark"]:
            wrong.append(f"{name}: light and dark look the same")
    if colours["paper", "dark"][0] != "rgb(255, 255, 255)":
        wrong.append(f"prints on {colours['paper', 'dark'][0]}")
    print(f"{page}: {size} bytes, {len(seen['charts'])} charts, {'well' if not wrong else 'NOT WELL'}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pages", nargs="+", type=pathlib.Path, metavar="PAGE.html")
    parser.add_argument("--charts", type=int, default=1, help="fewest charts of each page")
    parser.add_argument("--screenshots", type=pathlib.Path, metavar="DIR")
    args = parser.parse_args()
    if args.screenshots:
        args.screenshots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(profile)
        try:
            wrong = [f"{page}: {what}" for page in args.pages
                     for what in check(browser, page, args.charts, args.screenshots)]
        finally:
            browser.close()
    for what in wrong:
        print(what, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
