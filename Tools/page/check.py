#!/usr/bin/env python3
"""Looks at a page of `pupil selftrain` or `pupil study` in headless Chromium: check.py PAGE SHOTS."""
import os
import shutil
import sys

from playwright.sync_api import sync_playwright


def main():
    path, shots = os.path.abspath(sys.argv[1]), sys.argv[2]
    complaints, requests = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on("request", lambda r: requests.append(r.url))
        page.goto("file://" + path)
        page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length >= 5")
        page.screenshot(path=os.path.join(shots, "page.png"))

        def shown():
            words = page.inner_text("#gallery-shown").split()
            return int(words[0]), float(words[2])

        def expect(condition, text):
            if not condition:
                complaints.append(text)

        page.evaluate("document.getElementById('gallery-section').scrollIntoView()")
        page.wait_for_function(
            "[...document.querySelectorAll('#gallery img')].slice(0, 3).every(i => i.complete && i.naturalWidth > 0)")
        page.wait_for_function("document.querySelectorAll('#gallery svg rect, #gallery canvas').length > 0")
        page.fill("#score", "0.1")
        before = shown()
        page.fill("#score", "0.9")
        after = shown()
        expect(before[1] > after[1], f"the slider moves nothing: {before} at 0.1, {after} at 0.9")
        page.fill("#score", "0.1")
        classes = page.locator("#gallery-class option").all_inner_texts()
        parts = []
        for name in classes[1:]:
            page.select_option("#gallery-class", label=name)
            parts.append(shown()[1])
        # Parts of pixels are told to a hundredth of a percent.
        expect(abs(sum(parts) - before[1]) <= 0.006 * len(parts) * ("%" in page.inner_text("#gallery-shown")),
               f"classes have {parts}, all of them {before[1]}")
        page.select_option("#gallery-class", label="any")
        page.select_option("#gallery-count", "0")
        none = shown()
        page.select_option("#gallery-count", index=2)
        some = shown()
        expect(none[1] == 0 and none[0] + some[0] == before[0],
               f"{none[0]} without labels, {some[0]} with: not {before[0]}")
        page.select_option("#gallery-count", "any")
        page.select_option("#gallery-who", "both")
        page.select_option("#gallery-order", "apart")
        page.wait_for_timeout(500)
        page.screenshot(path=os.path.join(shots, "gallery.png"))
        for chart in ("forest", "learning", "curves", "threshold", "calibration", "confusion"):
            box = page.locator(f"#{chart} svg.main-svg").first.bounding_box()
            expect(box and box["height"] > 100, f"the chart {chart} is not there")
        browser.close()
    strangers = [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
    expect(not strangers, f"fetched: {strangers}")
    for complaint in complaints:
        print("page:", complaint)
    print(f"page: {len(complaints)} complaints; {before[0]} pictures, {before[1]:g} of their labels; shots in {shots}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
