#!/usr/bin/env python3
"""Opens pages of `fmnist web` in a real Chromium and uses them as a visitor does.

    fmnist web RUN --out page.html && tests/check_web.py page.html

Needs the packages `numpy`, `playwright` and `axe-playwright-python`, and Chromium (Debian: `chromium`).
Each page is opened from the disk without a network: in light and dark, at two widths, with WebGPU and
without. Fails at the first thing that is not as it should be.
"""

import argparse
import base64
import json
import re
import shutil
import struct
import time
import zlib
from pathlib import Path

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

WIDTHS = {"wide": 1280, "phone": 360}
# Of the page without weights and images.
MOST_BYTES = 150_000
# Until the first prediction is there.
PATIENCE = 1.5
# Until the GPU is: software takes its time to compile kernels.
GPU_PATIENCE = 120
SOFTWARE_GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
# Devices as a page gets them, to take them away.
CATCH_DEVICES = """
    globalThis.devices = [];
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...given) {
        const device = await request.apply(this, given);
        globalThis.devices.push(device);
        return device;
    };"""
WITHOUT_WEBGPU = "Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined })"
# Chromium's own words where it has no GPU.
NO_ADAPTER = "No available adapters."


def data_of(path):
    """What can be said without a browser; returns the page's data."""
    html = path.read_text(encoding="utf-8")
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)[1]
    page = html.replace(text, "")
    data = json.loads(text)
    size = len(page.encode()) + len(data["programs"])
    assert size < MOST_BYTES, f"{path} has {size} bytes without weights and images"
    assert "default-src 'none'" in page, "no content security policy"
    assert not re.search(r"\{\{ \w+ \}\}", page), "something was not filled in"
    assert not re.search(r"^(import|export) ", page, re.M), "modules were not joined"
    return data


def probabilities_of(model, pixels):
    """What a model makes of an image's bytes, by nothing that the page uses."""
    weights = np.frombuffer(base64.b64decode(model["weights"]), "<f4")
    values = pixels.reshape(len(model["scales"]), -1).astype(np.float64)
    for channel, scale in zip(values, model["scales"]):
        channel[:] = (channel - scale["offset"]) * scale["factor"]
    for layer in model["layers"]:
        if layer["kind"] == "linear":
            inputs, outputs = layer["inputs"], layer["outputs"]
            weight = weights[layer["weight"] :][: inputs * outputs].reshape(inputs, outputs)
            values = values.ravel() @ weight + weights[layer["bias"] :][:outputs]
            values = np.maximum(values, 0) if layer["relu"] else values
            continue
        ins, outs, kernel = layer["in_channels"], layer["out_channels"], layer["kernel"]
        height, width, pad = layer["height"], layer["width"], layer["kernel"] // 2
        weight = weights[layer["weight"] :][: outs * ins * kernel**2].reshape(outs, ins, kernel, kernel)
        around = np.pad(values.reshape(ins, height, width), ((0, 0), (pad, pad), (pad, pad)))
        windows = np.lib.stride_tricks.sliding_window_view(around, (kernel, kernel), (1, 2))
        sums = np.einsum("cyxkl,ockl->oyx", windows[:, :height, :width], weight, optimize=True)
        sums += weights[layer["bias"] :][:outs, None, None]
        even = sums[:, : height // 2 * 2, : width // 2 * 2]
        values = np.maximum(even.reshape(outs, height // 2, 2, width // 2, 2).max((2, 4)), 0)
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def png(rgb):
    """A PNG of an array `[height, width, 3]` of bytes."""
    height, width, _ = rgb.shape
    rows = b"".join(b"\0" + row.tobytes() for row in rgb)

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def picture():
    """A dark shirt on a light background."""
    rgb = np.full((300, 240, 3), 245, np.uint8)
    rgb[60:240, 70:170] = (40, 60, 120)
    rgb[60:120, 30:210] = (40, 60, 120)
    return png(rgb)


def until(what, holds, seconds=20):
    # Not `wait_for_function`: the page's policy forbids what it does.
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what} took longer than {seconds} s"
        time.sleep(0.02)


def first_result(page):
    until("the first result", lambda: page.locator(".result").count() > 0)
    return page.locator(".result").first


def new_result(page, act):
    """Does something; returns the result that comes of it."""
    before = page.locator(".result").count()
    act()
    until("a result", lambda: page.locator(".result").count() > before)
    return page.locator(".result").first


def check_probabilities(result, data, sample):
    """The page shows what numpy computes."""
    pixels = np.frombuffer(base64.b64decode(sample["pixels"]), np.uint8)
    expected = [probabilities_of(model, pixels) for model in data["models"]]
    names = [" ".join(name.split()) for name in data["class_names"]]
    answer = " ".join(result.locator("h3").inner_text().split())
    for probabilities in expected:
        assert names[int(np.argmax(probabilities))] in answer, answer
    rows = result.locator("tbody tr").all()
    assert len(rows) == (len(names) if len(names) <= 10 else 5)
    for row in rows:
        name = " ".join(row.locator("bdi").text_content().split())
        labels = [label for label, other in enumerate(names) if other == name]
        shown = [float(cell.split()[0]) for cell in row.locator("td").all_text_contents()]
        assert len(shown) == len(expected)
        assert any(
            all(abs(value - 100 * model[label]) < 0.051 for value, model in zip(shown, expected))
            for label in labels
        ), f"{name}: {shown}"
    marked = result.locator("tr.true bdi").all_text_contents()
    assert marked in ([], [data["class_names"][sample["label"]]]), marked


def check_samples(page, data, where):
    for index, sample in list(enumerate(data["samples"]))[:4]:
        result = new_result(page, page.locator(".sample").nth(index).click)
        check_probabilities(result, data, sample)
        assert where in result.inner_text(), result.inner_text()


def transfer(page, *files):
    """What a drop or a paste brings: files by name, type and content."""
    return page.evaluate_handle(
        """(files) => {
          const transfer = new DataTransfer();
          for (const [name, type, text] of files) {
            const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
            transfer.items.add(new File([bytes], name, { type }));
          }
          return transfer;
        }""",
        [[name, kind, base64.b64encode(content).decode()] for name, kind, content in files],
    )


def check_files(page, data):
    def drop(*file):
        page.dispatch_event("body", "drop", {"dataTransfer": transfer(page, file)})

    def paste():
        page.evaluate(
            "files => document.body.dispatchEvent("
            "new ClipboardEvent('paste', { clipboardData: files, bubbles: true }))",
            transfer(page, ("pasted.png", "image/png", picture())),
        )

    def choose():
        with page.expect_file_chooser() as chooser:
            page.locator("#choose").click()
        chooser.value.set_files({"name": "chosen.png", "mimeType": "image/png", "buffer": picture()})

    for name, act in [
        ("dropped.png", lambda: drop("dropped.png", "image/png", picture())),
        ("pasted.png", paste),
        ("chosen.png", choose),
    ]:
        result = new_result(page, act)
        assert name in result.inner_text(), result.inner_text()
        assert result.locator("canvas").count() == 2
        assert len(result.locator("canvas").last.screenshot()) > 300, "a blank image"
        assert page.locator("#status").text_content() == result.locator("h3").text_content()

    result = new_result(page, lambda: drop("notes.txt", "text/plain", b"no picture"))
    assert "notes.txt" in result.inner_text() and "PNG or JPEG" in result.inner_text()
    result = new_result(page, lambda: drop("cut.png", "image/png", picture()[:60]))
    assert "cut.png" in result.inner_text() and "damaged" in result.inner_text()
    if data["resize"] is None:
        blank = png(np.full((40, 40, 3), 255, np.uint8))
        result = new_result(page, lambda: drop("blank.png", "image/png", blank))
        assert "nothing but its background" in result.inner_text()
        assert "blank.png" in result.inner_text()


def check_drawing(page):
    page.locator("#draw").focus()
    page.keyboard.press("Enter")
    paper = page.locator("#paper")
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()

    def stroke(x, y):
        page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
        page.mouse.up()

    result = new_result(page, lambda: stroke(0.6, 0.7))
    assert "Drawing" in result.inner_text()
    results, before = page.locator(".result").count(), result.inner_text()
    stroke(0.7, 0.3)
    until("the second stroke", lambda: page.locator(".result").first.inner_text() != before)
    assert page.locator(".result").count() == results, "a stroke more is a result more"
    page.locator("#clear").click()
    new_result(page, lambda: stroke(0.5, 0.5))
    page.locator("#draw").click()
    assert paper.is_hidden()


def check_camera(page):
    page.locator("#photograph").click()
    until("the camera", page.locator("#take").is_enabled)
    result = new_result(page, lambda: page.keyboard.press("Enter"))
    assert "Photograph" in result.inner_text()
    page.locator("#photograph").click()
    assert page.evaluate("document.getElementById('video').srcObject === null"), "the camera is still on"


def check_layout(page, what):
    width, inside = page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
    assert inside <= width, f"{what}: {inside} pixels wide in {width}"
    result = Axe().run(page)
    assert result.violations_count == 0, f"{what}: {result.generate_report()}"


class Visit:
    """A page that is open, and what it must not do."""

    def __init__(self, browser, path, width=1280, scheme="light", script=None):
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        self.page = self.context.new_page()
        self.troubles, self.requests = [], []
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url[:80]))
        self.page.add_init_script(
            "document.addEventListener('securitypolicyviolation', (event) =>"
            " console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"
        )
        if script:
            self.page.add_init_script(script)
        self.page.goto(path.as_uri())

    def __enter__(self):
        return self.page

    def __exit__(self, kind, *_):
        if kind is None:
            troubles = [text for text in self.troubles if text != NO_ADAPTER]
            assert not troubles, troubles
            others = [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]
            assert not others and len(self.requests) <= 2, self.requests
        self.context.close()


def check_looks(browser, path, screenshots):
    backgrounds = set()
    for scheme in ["light", "dark"]:
        for name, width in WIDTHS.items():
            with Visit(browser, path, width, scheme) as page:
                first_result(page)
                for button in ["#draw", "#photograph"]:
                    page.locator(button).click()
                for summary in page.locator("summary:visible").all():
                    summary.click()
                until("the camera", lambda: page.locator("#take").is_enabled())
                if screenshots:
                    file = screenshots / f"{path.stem}-{scheme}-{name}.png"
                    page.screenshot(path=file, full_page=True)
                check_layout(page, f"{path.name}, {scheme}, {name}")
                backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2, "light and dark look the same"


def first_in_time(page):
    """The first prediction, which does not wait for a GPU."""
    result = first_result(page)
    ready = page.evaluate("performance.now()") / 1000
    assert ready < PATIENCE, f"the first prediction took {ready:.1f} s"
    return result


def check_page(playwright, chromium, path, screenshots):
    data = data_of(path)

    def launch(*arguments):
        return playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", *arguments])

    browser = launch(*CAMERA)
    with Visit(browser, path) as page:
        check_probabilities(first_in_time(page), data, data["samples"][0])
        assert data["version"] in page.locator("#made").inner_text()
    with Visit(browser, path, script=WITHOUT_WEBGPU) as page:
        until("a word about WebGPU", page.locator("#gpu-trouble").is_visible)
        page.locator("#gpu-trouble summary").click()
        words = page.locator("#gpu-trouble").inner_text()
        assert all(name in words for name in ["no WebGPU", "Chrome", "Firefox", "Safari"]), words
        check_samples(page, data, "in plain script")
        check_files(page, data)
        check_drawing(page)
        check_camera(page)
    check_looks(browser, path, screenshots)
    browser.close()

    browser = launch()
    with Visit(browser, path) as page:
        page.locator("#photograph").click()
        until("a word about the camera", page.locator("#camera-trouble").is_visible)
        assert "amera" in page.locator("#camera-trouble").inner_text()
    browser.close()

    browser = launch(*SOFTWARE_GPU)
    with Visit(browser, path, script=CATCH_DEVICES) as page:
        check_probabilities(first_in_time(page), data, data["samples"][0])
        about = page.locator("#about > div")
        until("the GPU", lambda: "on the GPU" in about.text_content(), GPU_PATIENCE)
        assert page.locator("#gpu-trouble").is_hidden()
        check_samples(page, data, "on the GPU")
        # A GPU that is lost is asked for again.
        page.evaluate("devices.forEach((device) => device.destroy())")
        until("a word about the loss", page.locator("#gpu-trouble").is_visible)
        assert "The GPU was lost" in page.locator("#gpu-trouble").inner_text()
        check_samples(page, data, "on the GPU")
        assert page.locator("#gpu-trouble").is_hidden()
    browser.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    args = parser.parse_args()
    if args.screenshots:
        args.screenshots.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        for path in args.pages:
            check_page(playwright, args.chromium, path.resolve(), args.screenshots)
            print(f"{path}: {path.stat().st_size:,} bytes, as it should be")


if __name__ == "__main__":
    main()
