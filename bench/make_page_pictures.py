"""The pictures of the page in docs/images, taken in Chromium of a running service.

likewise demo
likewise serve likewise-demo/shop.model --port 8000
python bench/make_page_pictures.py http://127.0.0.1:8000/
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
BASKET = "item=85123A&item=22423&item=20725"


def main(address: str) -> None:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        page = browser.new_page(viewport={"width": 1180, "height": 800})
        page.goto(f"{address}#try?{BASKET}")
        page.locator(".reasons").first.wait_for()
        page.screenshot(path=IMAGES / "page-try.png")
        dark = browser.new_page(
            viewport={"width": 1180, "height": 880}, color_scheme="dark", reduced_motion="reduce"
        )
        dark.goto(f"{address}#inside?{BASKET}")
        dark.get_by_role("button", name="Next step").click()
        dark.screenshot(path=IMAGES / "page-inside.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
