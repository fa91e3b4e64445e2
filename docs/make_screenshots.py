"""Screenshots of the upper part of a report, as a desktop (1280 px) and a phone (390 px) show it.

    python docs/make_screenshots.py REPORT.html OUTDIR

Needs chromium, chromedriver and selenium.
"""

from __future__ import annotations

import argparse
import base64
import io
import shutil
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

SIZES = {"desktop": (1280, 1500), "phone": (390, 1400)}  # name: width and height in CSS pixels
LARGEST = 400_000
"""Bytes of a picture, at most."""
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
    """Return a headless browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        raise SystemExit("chromium and chromedriver are needed: install them and try again")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(driver))


def shrink(png: bytes) -> bytes:
    """Return the picture with as many colours as fit into the largest size."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    smaller = png
    for colours in (256, 128, 64, 32):
        buffer = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
        smaller = buffer.getvalue()
        if len(smaller) < LARGEST:
            break
    return smaller


def main() -> None:
    """Write desktop.png and phone.png."""
    parser = argparse.ArgumentParser(description="Screenshots of the upper part of a report.")
    parser.add_argument("report", type=Path, metavar="REPORT.html")
    parser.add_argument("outdir", type=Path, metavar="OUTDIR")
    arguments = parser.parse_args()
    arguments.outdir.mkdir(parents=True, exist_ok=True)
    browser = open_browser()
    try:
        for name, (width, height) in SIZES.items():
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1.5, "mobile": name == "phone"}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            browser.get(arguments.report.resolve().as_uri())
            shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            path = arguments.outdir / f"{name}.png"
            path.write_bytes(shrink(base64.b64decode(shot["data"])))
            print(f"{path}  {path.stat().st_size // 1000} kB")
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
