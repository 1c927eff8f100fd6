#!/usr/bin/env python3
"""Compares what the page of `fmnist web` computes on the GPU with what the program computed.

    tests/check_web_parity.py RUN [RUN ...] [--every 1]

Each run has its page, web.html, beside the test images and the probabilities of its own test. The page's
modules predict those images in Chromium, on WebGPU by SwiftShader, one by one as pictures are predicted, and in batches
as a training is evaluated: every prediction must be the same, and every probability to within 1e-5. Needs the packages
`numpy` and `playwright`, and Chromium (Debian: `chromium`).
"""

import argparse
import base64
import gzip
import json
import shutil
import struct
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from check_web import SOFTWARE_GPU, data_of

BOUND = 1e-5
# Where WebGPU is allowed.
HOST = "http://localhost"
PAGE = Path(__file__).parent.parent / "src" / "web" / "page"
# Predicts images, base64, by the modules of the page; the probabilities of each model.
PREDICT = """async ({ data, images }) => {
    const { Predictor } = await import('/predict.js');
    const { decodeBase64, decodePrograms } = await import('/weights.js');
    const predictor = new Predictor(data, decodePrograms(data.programs), () => {});
    await predictor.start();
    if (!predictor.isOnGpu) throw new Error(predictor.trouble);
    const found = data.models.map(() => []);
    for (const image of images) {
        const answers = await predictor.predict(decodeBase64(image));
        if (!answers.every((answer) => answer.isOnGpu)) throw new Error(predictor.trouble);
        answers.forEach(({ probabilities }, model) => found[model].push(probabilities));
    }
    return found;
}"""

# Predicts images, base64, in batches, by what a training is evaluated with.
EVALUATE = """async ({ data, images }) => {
    const { needsOf, openGpu, Program, Shaders } = await import('/device.js');
    const { decodeBase64, decodeModel, decodePrograms } = await import('/weights.js');
    const { selectionNumbers } = await import('/step.js');
    const { uploaded } = await import('/upload.js');
    const { shape, channels, class_names: { length: classes }, training: { evaluation_batch: batch } } = data;
    const bytes = decodeBase64(images);
    const len = bytes.length / (shape.channels * shape.height * shape.width);
    const { shaders: texts, models } = await decodePrograms(data.programs);
    const opened = await openGpu(needsOf(Object.values(models).map(({ evaluate }) => evaluate)));
    const { device } = opened;
    const shaders = new Shaders(opened, texts);
    const part = { len, images: bytes, labels: new Uint32Array(len) };
    const { images: buffer, labels, inOrder: order } = uploaded(device, [part], batch);
    const gpu = { images: buffer, labels, order };
    const found = [];
    const all = { len: batch, seed: [0, 0], epoch: 0, augment: null, channels, shape };
    for (const model of data.models.map(decodeModel)) {
        const program = await Program.compile(shaders, models[model.name].evaluate, gpu);
        program.setWeights(model.weights);
        const rows = [];
        for (let first = 0; first < len; first += batch) {
            const selection = selectionNumbers({ ...all, first, scales: model.scales });
            const { probabilities } = await program.run({ selection }, ['probabilities']);
            for (let row = 0; row < Math.min(batch, len - first); row++) {
                rows.push([...probabilities.subarray(row * classes, (row + 1) * classes)]);
            }
        }
        found.push(rows);
    }
    device.destroy();
    return found;
}"""


def images_of(run):
    """The test images of a run, as bytes `[images, values]`."""
    data = gzip.decompress((run / "test-images.gz").read_bytes())
    dimensions = data[3]
    sizes = struct.unpack_from(f">{dimensions}I", data, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(sizes[0], -1)


def module(route):
    """A module of the page, or an empty page."""
    path = PAGE / Path(route.request.url).name
    if path.suffix == ".js":
        route.fulfill(body=path.read_text(encoding="utf-8"), content_type="text/javascript")
    else:
        route.fulfill(body="<!doctype html>", content_type="text/html")


def check(page, run, every):
    data = data_of(run / "web.html")
    images = images_of(run)

    def encoded(some):
        return base64.b64encode(some.tobytes()).decode()

    one_by_one = {"data": data, "images": [encoded(image) for image in images[::every]]}
    compare(page, run, data, "one by one", PREDICT, one_by_one, every)
    # Batches are not so slow.
    every = max(every // 5, 1)
    compare(page, run, data, "in batches", EVALUATE, {"data": data, "images": encoded(images[::every])}, every)


def compare(page, run, data, how, script, arguments, every):
    started = time.monotonic()
    found = page.evaluate(script, arguments)
    seconds = time.monotonic() - started
    for model, probabilities in zip(data["models"], found):
        expected = np.load(run / model["name"] / "probabilities.npy")[::every]
        assert len(probabilities) == len(expected)
        difference = np.abs(np.array(probabilities) - expected).max()
        name = f"{run.name}, {model['name']}, {how}"
        assert difference < BOUND, f"{name}: probabilities differ by {difference:.1e}"
        same = (np.argmax(probabilities, 1) == expected.argmax(1)).all()
        assert same, f"{name}: another prediction"
        print(f"{name}: {len(expected)} images, probabilities differ by {difference:.1e} at most")
    print(f"{run.name}, {how}: {seconds:.0f} s")


def software_gpu(playwright):
    """A page in Chromium with WebGPU in software, which can import the modules."""
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox", *SOFTWARE_GPU]
    )
    page = browser.new_page()
    page.set_default_timeout(0)
    page.route(f"{HOST}/**", module)
    page.goto(f"{HOST}/")
    return page


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--every", type=int, default=1, help="take one image of so many")
    args = parser.parse_args()
    with sync_playwright() as playwright:
        page = software_gpu(playwright)
        for run in args.runs:
            check(page, run, args.every)


if __name__ == "__main__":
    main()
