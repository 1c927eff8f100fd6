#!/usr/bin/env python3
"""Opens reports in a real Chromium and uses them as a reader does.

    cargo test --release --test report && tests/check_report.py target/tmp/reports*/*.html

Needs the packages `playwright` and `axe-playwright-python`, and Chromium (Debian: `chromium`).
Each report is opened in light and dark and at two widths, without a network, as many reports at a time as
there are cores. Fails at the first thing that is not as it should be.
"""

import argparse
import os
import re
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

MEGABYTE = 1_000_000
WIDTHS = {"wide": 1280, "phone": 360}
# Every run has these; mistakes, disagreement and filters where there are images, two models, a CNN.
SECTIONS = ["results", "curves", "classes", "confusion", "calibration", "settings"]


def check_file(path):
    """What can be said without a browser."""
    html = path.read_text(encoding="utf-8")
    size = path.stat().st_size
    # Images in colour may take more; the small grey ones of Fashion-MNIST may not.
    limit = 10 if "background-blend-mode: normal; " in html else 2
    assert size < limit * MEGABYTE, f"{path} has {size} bytes"
    for reference in re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", html.split("<script")[0]):
        assert reference.startswith("#"), f"{path} refers to {reference}"
    for url in re.findall(r"url\(([^)]{0,40})", html):
        assert url.startswith("data:image/png;base64,"), f"{path} loads {url}"
    assert "default-src 'none'" in html, "no content security policy"
    control = re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)
    assert not control, f"control character {control}"


def some(items, count):
    """About so many of the items, evenly spread."""
    return items[:: max(1, len(items) // count)]


def check_sections(page):
    runs = page.evaluate("data.runs.length")
    if runs > 1:
        assert page.locator("#comparison table").count() >= 1
        assert page.locator("#comparison .chart").count() >= 2
    for run in range(runs):
        for name in SECTIONS:
            section = page.locator(f"#run-{run}-{name}")
            assert section.locator("h2, h3").count() == 1, f"section {name} of run {run}"
            assert len(section.inner_text()) > 40, f"section {name} of run {run} is empty"
    for link in page.locator("nav a").all():
        target = link.get_attribute("href")[1:]
        assert page.locator(f'[id="{target}"]').count() == 1, target


def tip_and_row(chart, index):
    """What the tip says, and what the table says of the same position."""
    tip = [value.inner_text() for value in chart.locator(".tip b").all()]
    row = chart.locator("tbody tr").nth(index).locator("td").all_text_contents()
    return tip, row


def check_charts(page):
    charts = page.locator("[data-chart]").all()
    assert charts or page.locator(".note").count(), "no chart and no word about it"
    for chart in some(charts, 4):
        number = int(chart.get_attribute("data-chart"))
        x = page.evaluate(f"data.charts[{number}].x")
        plot = chart.locator(".plot")
        plot.scroll_into_view_if_needed()
        svg = plot.locator("svg")
        box, units = svg.bounding_box(), svg.evaluate("svg => svg.viewBox.baseVal.width")
        for index in some(range(len(x)), 8):
            page.mouse.move(box["x"] + x[index] / units * box["width"] + 1, box["y"] + 60)
            tip, row = tip_and_row(chart, index)
            assert tip == row and row, f"chart {number}, value {index}: {tip} for {row}"
        page.mouse.move(0, 0)
        assert chart.locator(".tip").is_hidden()

        plot.focus()
        for key, index in [("Home", 0), ("ArrowRight", min(1, len(x) - 1)), ("End", len(x) - 1)]:
            page.keyboard.press(key)
            tip, row = tip_and_row(chart, index)
            assert tip == row, f"chart {number}, key {key}: {tip} for {row}"
            for value in row:
                assert value in plot.get_attribute("aria-valuetext")
        plot.evaluate("plot => plot.blur()")


def check_matrices(page):
    """Every count leads to its images; the models' answers there are the cell's."""
    viewer = page.locator("#viewer")
    runs = page.evaluate("data.runs")
    for matrix in some(page.locator(".matrix, [data-matrix] table").all(), 3):
        for button in some(matrix.locator("button").all(), 4):
            name = button.get_attribute("data-list")
            _, model, label, answer = name.split("-")
            run = runs[int(button.get_attribute("data-run"))]
            found = run["lists"][name]
            count = int(button.inner_text())
            assert found["total"] == count
            for image in found["shown"]:
                _, _, its_label, answers, classes, rows = run["images"][image]
                row = [p or 0 for p in rows[int(model)]]
                assert its_label == int(label) and its_label in classes
                assert answers[int(model)] == int(answer)
                assert row[classes.index(int(answer))] == max(row), f"{name}: {row}"

            button.click()
            assert viewer.is_visible()
            thumbs = viewer.locator("button.thumb")
            assert thumbs.count() == len(found["shown"]) <= count
            title = page.locator("#viewer-title").inner_text()
            names = {run["classes"][int(label)], run["classes"][int(answer)]}
            assert all(" ".join(name.split()) in title for name in names), title
            note = page.locator("#viewer-note").inner_text()
            assert (f"{thumbs.count()} of {count}" in note) == (thumbs.count() < count), note
            # A blank square compresses to next to nothing.
            assert len(thumbs.first.screenshot()) > 400, f"{name} shows a blank image"
            before = page.locator("#viewer-card").inner_text()
            assert run["classes"][int(label)] in before
            if thumbs.count() > 1:
                page.keyboard.press("ArrowRight")
                assert page.locator("#viewer-card").inner_text() != before
            page.keyboard.press("Escape")
            assert viewer.is_hidden()
            assert button.evaluate("button => button === document.activeElement")


def check_drawn(page):
    """A matrix that is a picture tells the count under the pointer, that of its cell in the table."""
    runs = page.evaluate("data.runs")
    for figure in page.locator("[data-matrix]").all():
        run = runs[int(figure.get_attribute("data-run"))]
        drawn = figure.locator(".drawn")
        drawn.scroll_into_view_if_needed()
        # More than the number of shades in an empty square.
        assert len(drawn.screenshot()) > 1000
        rows = figure.locator("tbody tr").all()
        for row in some(rows, 4):
            name = row.locator("button").get_attribute("data-list")
            label, answer = map(int, name.split("-")[2:])
            box, classes = drawn.bounding_box(), len(run["classes"])
            drawn.hover(position={
                "x": (answer + 0.5) / classes * box["width"],
                "y": (label + 0.5) / classes * box["height"],
            })
            count = row.locator("button").inner_text()
            words = f"{run['classes'][label]} taken for {run['classes'][answer]}: {count}"
            assert figure.locator(".pointed").inner_text() == words


def check_images(page):
    for cards in page.locator("[data-cards]").all():
        assert cards.locator(".card, .note").count() >= 1
    for thumbs in page.locator("[data-thumbs]").all():
        assert thumbs.locator(".thumb").count() >= 1
    # A card's image is not blank either.
    if page.locator(".card .thumb").count():
        assert len(page.locator(".card .thumb").first.screenshot()) > 600


def check_width(page, what):
    width, inside = page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
    assert inside <= width, f"{what}: {inside} pixels wide in {width}"


def check_access(page, what):
    result = Axe().run(page)
    assert result.violations_count == 0, f"{what}: {result.generate_report()}"


def check_touch(browser, path):
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    page.goto(path.as_uri())
    for plot in page.locator(".plot").all()[:1]:
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5)
        assert plot.locator(".tip").is_visible(), "no values after a touch"
    context.close()


def check_report(browser, path, screenshots):
    check_file(path)
    backgrounds = set()
    for scheme in ["light", "dark"]:
        for name, width in WIDTHS.items():
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
            )
            page = context.new_page()
            troubles, requests = [], []
            page.on("console", lambda message: troubles.append(message.text))
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("request", lambda request: requests.append(request.url[:80]))
            page.goto(path.as_uri())
            if screenshots:
                file = screenshots / f"{path.stem}-{scheme}-{name}.png"
                page.screenshot(path=file, full_page=True)
            what = f"{path.name}, {scheme}, {name}"
            check_width(page, what)
            # Each scheme and each width once: it takes the most of the time.
            if (scheme, name) in [("light", "wide"), ("dark", "phone")]:
                check_access(page, what)
            if scheme == "light":
                check_sections(page)
                check_drawn(page)
            if (scheme, name) == ("light", "wide"):
                check_charts(page)
                check_matrices(page)
                check_images(page)
            backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            assert page.evaluate("window.pwned === undefined"), "text from a file was run"
            assert not troubles, troubles
            others = [url for url in requests if not url.startswith(("file:", "data:"))]
            assert not others and len(requests) <= 2, requests
            context.close()
    assert len(backgrounds) == 2, "light and dark look the same"
    check_touch(browser, path)


def check_in_browser(chromium, screenshots, path):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        check_report(browser, path.resolve(), screenshots)
        browser.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", nargs="+", type=Path)
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    args = parser.parse_args()
    if args.screenshots:
        args.screenshots.mkdir(parents=True, exist_ok=True)
    check = partial(check_in_browser, args.chromium, args.screenshots)
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for path, _ in zip(args.reports, processes.map(check, args.reports)):
            print(f"{path}: {path.stat().st_size:,} bytes, as it should be")


if __name__ == "__main__":
    main()
