"""Screenshots of the upper part of a report, or of a page that something was drawn on, light and dark.

    python docs/make_screenshots.py REPORT [OUTDIR]
    python docs/make_screenshots.py --page PAGE [OUTDIR]
    python docs/make_screenshots.py --served URL [OUTDIR]

REPORT is a report.html, or the folder of a study or run, whose report is then made anew. PAGE is what `inkling export
--format page` wrote of a run on digits, URL the address of `inkling serve` of two such runs, the first with feature
maps. The README shows those in docs/images, which is the default of OUTDIR. Needs chromium, chromedriver and
selenium.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import math
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

from inkling.report.page import write_report

SHOTS = {"desktop": (1280, 1600, False), "desktop-dark": (1280, 1600, True)}
"""Name: width and height in CSS pixels, and whether the reader prefers dark pages."""
PAGE_SHOTS = {"page": (1280, 1100, False), "page-dark": (1280, 1100, True)}
SERVED_SHOTS = {"served": (1280, 1500, False), "served-dark": (1280, 1500, True)}
LARGEST = 400_000
"""Bytes of a picture, at most."""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def open_browser() -> webdriver.Chrome:
    """Return a headless browser that keeps a log of its console and of what it does."""
    if not (CHROMIUM and DRIVER):
        raise SystemExit("chromium and chromedriver are needed: install them and try again")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    browser.set_script_timeout(120)  # axe takes its time where the machine is busy
    return browser


def emulate(
    browser: webdriver.Chrome, width: int, height: int, dark: bool = False, media: str = "screen", scale: float = 1
) -> None:
    """Make a window as large as a phone's (below 500 pixels of width) or a desktop's, of one colour scheme."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})


def draw(browser: webdriver.Chrome) -> None:
    """Draw a three on an exported page, and wait for the evidence."""
    bows = [(math.radians(angle), 0, -60, 58, 55) for angle in range(-140, 95, 14)]
    bows += [(math.radians(angle), 5, 55, 70, 60) for angle in range(-80, 150, 14)]
    places = [(round(x + a * math.cos(angle)), round(y + b * math.sin(angle))) for angle, x, y, a, b in bows]
    area = browser.find_element("id", "area")
    actions = ActionChains(browser, duration=20).move_to_element_with_offset(area, *places[0]).click_and_hold()
    for here, there in itertools.pairwise(places):
        actions.move_by_offset(there[0] - here[0], there[1] - here[1])
    actions.release().perform()
    WebDriverWait(browser, 30).until(lambda opened: opened.find_element("id", "strongest").text)
    browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")


def _is_looked_into(browser: webdriver.Chrome) -> bool:
    """Whether the page of a server shows what it asked the server for."""
    return all(browser.find_elements("css selector", part) for part in ("#nearest-list li", "#stages canvas"))


def shrink(png: bytes) -> bytes:
    """Return the picture with as many colours as fit into the largest size."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32):
        buffer = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
        if buffer.tell() < LARGEST:
            return buffer.getvalue()
    raise SystemExit(f"a picture of 32 colours takes {buffer.tell()} bytes, more than {LARGEST}: make it smaller")


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description="Screenshots of the upper part of a report or an exported page.")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--page", action="store_true", help="REPORT is an exported page to draw on")
    kind.add_argument("--served", action="store_true", help="REPORT is the address of a server, whose page is drawn on")
    parser.add_argument("report", metavar="REPORT", help="report.html, or the folder of a study or run")
    parser.add_argument(
        "outdir", type=Path, metavar="OUTDIR", nargs="?", default=Path(__file__).with_name("images"), help="%(default)s"
    )
    arguments = parser.parse_args()
    arguments.outdir.mkdir(parents=True, exist_ok=True)
    browser = open_browser()
    try:
        with tempfile.TemporaryDirectory() as folder:
            made, given = Path(folder) / "report.html", Path(arguments.report)
            page = write_report(given, made) if given.is_dir() else given
            address = arguments.report if arguments.served else page.resolve().as_uri()
            shots = SERVED_SHOTS if arguments.served else PAGE_SHOTS if arguments.page else SHOTS
            for name, (width, height, dark) in shots.items():
                emulate(browser, width, height, dark, scale=1.5)
                browser.get(address)
                if arguments.served:
                    browser.execute_async_script("inkling.then(arguments[arguments.length - 1])")
                if arguments.page or arguments.served:
                    draw(browser)
                if arguments.served:
                    WebDriverWait(browser, 30).until(_is_looked_into)
                shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
                path = arguments.outdir / f"{name}.png"
                path.write_bytes(shrink(base64.b64decode(shot["data"])))
                print(f"{path}  {path.stat().st_size // 1000} kB")
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
