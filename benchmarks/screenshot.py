"""Take the documentation's picture of the gallery: the list, and the viewer at one pair.

    python -m benchmarks.screenshot OUT.png [--page data/gallery/index.html] [--dark]

Shows only pairs of CC0 photos, so that the picture may be published, in the page's random order:
nobody chooses. Needs chromium and chromedriver.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.gallery import open_browser, require_browser, wait_until_ready

SIZE, GAP = (1240, 800), 12
"""Size of each of the two views in CSS pixels, and the space between them."""
LIST = """
const done = arguments[0];
Filters.set({ q: "cc0-1.0", order: "random" }).then(() => {
  document.getElementById("search").value = "";
  const shown = Grid.order.length;
  const wait = () => document.querySelectorAll(".card img").length >= Math.min(shown, 6)
    && [...document.images].every((image) => image.complete)
    ? setTimeout(done, 200, shown) : setTimeout(wait, 50);
  wait();
});
"""
VIEWER = """
const done = arguments[0];
Viewer.open(0).then(() => setTimeout(done, 1000));
"""


def take(driver: Any, page: Path, *, dark: bool) -> Image.Image:
    """Return the list and the viewer side by side.

    Raises:
        SystemExit: the page has no pair of a CC0 photo.
    """
    width, height = SIZE
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    driver.get(page.resolve().as_uri())
    wait_until_ready(driver)
    out = Image.new("RGB", (2 * width + GAP, height), "black" if dark else "white")
    for column, script in enumerate((LIST, VIEWER)):
        if driver.execute_async_script(script) == 0:
            sys.exit(f"{page} has no pair of a CC0 photo")
        shot = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
        out.paste(shot, (column * (width + GAP), 0))
    return out


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description="Take the documentation's picture of the gallery.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--page", type=Path, default=Path("data/gallery/index.html"))
    parser.add_argument("--dark", action="store_true", help="in dark colours")
    given = parser.parse_args()
    require_browser()
    if not given.page.is_file():
        parser.error(f"{given.page} is not there: run `flawfactory view` first")
    with tempfile.TemporaryDirectory() as profile, open_browser(Path(profile)) as driver:
        take(driver, given.page, dark=given.dark).save(given.out, optimize=True, quality=88)


if __name__ == "__main__":
    main()
