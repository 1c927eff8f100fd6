#!/usr/bin/env python3
"""Trains in a page of `fmnist web` as a visitor does, in a real Chromium, and holds it against the program.

    FMNIST_DATA_DIR=… tests/check_web_training.py FMNIST

6,000 images of Fashion-MNIST are trained on by the program, and then in the page, which is given them as IDX files,
is paused, goes on, and loses its GPU on the way: it must reach the same test accuracy within a point, and so must the
weights that it gives away, computed by numpy. Then it is given what it cannot train on. Needs the packages
`numpy`, `playwright` and `axe-playwright-python`, and Chromium (Debian: `chromium`), whose WebGPU is SwiftShader.
"""

import argparse
import csv
import gzip
import json
import os
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from check_web import CATCH_DEVICES, SOFTWARE_GPU, WIDTHS, WITHOUT_WEBGPU
from check_web import Visit, check_layout, data_of, png, transfer, until

TRAINED_ON, VALIDATED, TESTED = 5_400, 600, 4_000
EPOCHS = 3
# Small ones: the GPU is software. Shifted images, as the normalisation is measured on those too.
MODELS = ["--hidden", "64", "--widths", "4,8", "--cnn-hidden", "32", "--shift", "1"]
# Rounding makes others of two trainings.
APART = 0.01
# Seconds until the page answers nineteen of twenty times, at most, though training takes all cores of a small machine.
ANSWER = 0.5
PATIENCE = 1200


def idx(values):
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def real(folder, name, sizes):
    data = gzip.decompress((folder / f"{name}.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=8 + 4 * len(sizes)).reshape(-1, *sizes)


def make_dataset(real_folder, folder):
    """The first images of Fashion-MNIST as IDX files; the test images and their labels."""
    folder.mkdir()
    parts = []
    for source, first, count, name in [
        ("train", 0, TRAINED_ON, "train"),
        ("train", TRAINED_ON, VALIDATED, "val"),
        ("t10k", 0, TESTED, "t10k"),
    ]:
        images = real(real_folder, f"{source}-images-idx3-ubyte", [28, 28])[first : first + count]
        labels = real(real_folder, f"{source}-labels-idx1-ubyte", [])[first : first + count]
        # Packed or not.
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels))
        parts = [images, labels]
    return parts


def accuracy_of(path, images, labels):
    """The share of the images that the net in a safetensors file gets right, in numpy."""
    header, weights = read_safetensors(path)
    metadata = header["__metadata__"]
    mean, std = float(metadata["pixel_mean"]), float(metadata["pixel_std"])
    x = ((images.astype(np.float32) / 255 - mean) / std)[:, None]
    names = sorted((name for name in weights if name.endswith("weight")), key=lambda name: int(name.split(".")[0]))
    for name in names:
        weight, bias = weights[name], weights[name.replace("weight", "bias")]
        if weight.ndim == 4:
            around = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
            windows = np.lib.stride_tricks.sliding_window_view(around, (3, 3), (2, 3))
            x = np.einsum("ncyxkl,ockl->noyx", windows, weight, optimize=True) + bias[:, None, None]
            side = x.shape[2] // 2
            x = np.maximum(x.reshape(len(x), -1, side, 2, side, 2).max((3, 5)), 0)
        else:
            x = x.reshape(len(x), -1) @ weight.T + bias
            x = x if name == names[-1] else np.maximum(x, 0)
    return (x.argmax(1) == labels).mean()


def labels_of(path):
    return np.frombuffer(path.read_bytes(), np.uint8, offset=8)


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    values = data[8 + length :]
    weights = {
        name: np.frombuffer(values[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
    }
    return header, weights


def phase(page):
    return page.locator("#train-phase").inner_text()


def trouble(page):
    box = page.locator("#train-trouble")
    until("a word about what is wrong", box.is_visible, PATIENCE)
    return box.inner_text()


def give(page, chooser, files):
    """Gives the page files to train on; what it then says of them."""
    page.locator(chooser).set_input_files(files)
    told = page.locator("#images-told")
    until("images", lambda: "Reading" not in told.inner_text(), PATIENCE)
    return told.inner_text()


def asks_before_leaving(page):
    """Whether the page would have the browser ask."""
    return page.evaluate("!dispatchEvent(new Event('beforeunload', { cancelable: true }))")


def check_training(page, idx_folder, run, folder, test):
    told = give(page, "#idx-files", sorted(idx_folder.iterdir()))
    assert not asks_before_leaving(page), "nothing was learned"
    assert told == "IDX files: 5,400 images to train on, 600 to validate, 4,000 to test", told
    page.locator("#train-epochs").fill(str(EPOCHS))
    page.locator("#train-epochs").press("Enter")

    until("the first steps", lambda: "images/s" in page.locator("#train-progress").inner_text(), PATIENCE)
    page.locator("#train-go").click()
    until("the pause", lambda: phase(page) == "Paused", 60)
    before = page.locator("#train-progress").inner_text()
    time.sleep(1)
    assert page.locator("#train-progress").inner_text() == before, "it goes on while it is paused"
    # What is no dataset takes nothing away.
    page.locator("#idx-files").set_input_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"x"})
    assert "called like an IDX file" in trouble(page)
    assert page.locator("#images-told").inner_text() == told
    assert page.locator("#train-progress").inner_text() == before
    page.locator("#train-go").click()

    until("two epochs", lambda: page.locator("#train-epochs-told tbody tr").count() >= 2, PATIENCE)
    page.evaluate("globalThis.devices.at(-1).destroy()")
    said = trouble(page)
    assert "The GPU was lost" in said, said
    # What was learned before can be had.
    assert page.get_by_text("Download history").is_visible()
    page.locator("#train-go").click()

    answers = []
    end = time.monotonic() + PATIENCE
    while not phase(page).startswith("Done"):
        assert time.monotonic() < end, phase(page)
        # How long the page takes to answer.
        started = time.monotonic()
        page.evaluate("0")
        answers.append(time.monotonic() - started)
        time.sleep(0.05)
    most, longest = sorted(answers)[len(answers) * 19 // 20], max(answers)
    print(f"the page answered within {most:.2f} s while it trained, and within {longest:.2f} s always")
    assert most < ANSWER
    assert page.locator("#train-epochs-told tbody tr").count() == 2 * EPOCHS

    summary = json.loads((run / "summary.json").read_text())
    for number, name in enumerate(["dense", "cnn"]):
        assert asks_before_leaving(page), f"{name}'s weights were not downloaded"
        with page.expect_download() as saved:
            page.get_by_text(f"Download {name}'s weights").click()
        path = folder / f"{name}.safetensors"
        saved.value.save_as(path)
        own = accuracy_of(path, *test)
        said = page.locator("#train-results h4").nth(number).inner_text()
        assert f"{100 * own:.2f}" in said, f"{name}: the page says {said}, numpy {own:.4f}"
        native = summary["models"][name]["test_accuracy"]
        print(f"{name}: test accuracy {own:.4f} in the page, {native:.4f} by the program")
        assert abs(own - native) <= APART, name
        header, _ = read_safetensors(path)
        expected, _ = read_safetensors(run / f"{name}.safetensors")
        assert header == expected, f"{name}: {header}"
    assert not asks_before_leaving(page), "all weights were downloaded"
    with page.expect_download() as saved:
        page.get_by_text("Download history").click()
    saved.value.save_as(folder / "history.csv")
    own, native = (list(csv.reader((place / "history.csv").open())) for place in (folder, run))
    assert own[0] == native[0] and len(own) == len(native), own

    # What it learned, it predicts with, and says so.
    learned = page.locator("#learned")
    until("a word about the models", learned.is_visible)
    reached = phase(page).removeprefix("Done: ").split(" of the")[0]
    assert reached in learned.inner_text(), learned.inner_text()
    until("the first sample", lambda: page.locator("#results > .result:first-child ~ .note").count())
    result = page.locator(".result").count()
    page.locator(".sample").first.click()
    until("a prediction", lambda: page.locator(".result").count() > result)
    page.locator("#clear-results").click()
    assert page.locator("#results > *").count() == 0 and page.locator("#clear-results").is_hidden()
    # Nothing of it goes unasked.
    page.locator("#idx-files").set_input_files(sorted(idx_folder.iterdir()))
    assert "still here" in trouble(page)
    page.locator("#train-anew").click()
    assert page.locator("#train-anew").inner_text() == "Forget what was learned?"
    assert page.get_by_text("Download history").is_visible()


def check_looks(page, name, screenshots):
    if page.locator("#train-epochs-told").is_visible():
        page.locator("#train-epochs-told summary").click()
    # Each scheme and each width once: axe takes seconds.
    for scheme, width_name in zip(["light", "dark"], WIDTHS):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": WIDTHS[width_name], "height": 800})
        if screenshots:
            page.screenshot(path=screenshots / f"{name}-{scheme}-{width_name}.png", full_page=True)
        check_layout(page, f"{name}, {scheme}, {width_name}")


def check_refusals(page, idx_folder, folder, images):
    """What cannot be trained on, and what can."""
    bad = folder / "bad"
    bad.mkdir()
    until("the page's images", lambda: "400 images to train on" in page.locator("#images-told").inner_text())
    names = {path.name.split("-idx")[0]: path for path in idx_folder.iterdir()}
    train = [names["train-images"], names["train-labels"]]

    def refused(files, *parts, chooser="#idx-files"):
        before = page.locator("#images-told").inner_text()
        # What was there before stays.
        assert give(page, chooser, files) == before
        said = trouble(page)
        assert all(part in said for part in parts), said
        assert page.locator("#train-go").is_enabled()

    def changed(name, data):
        path = bad / name
        path.write_bytes(data)
        return path

    labels = names["train-labels"].read_bytes()
    refused(train[:1], "train-images-idx3-ubyte.gz has no labels", "train-labels-idx1-ubyte.gz")
    refused([names["t10k-images"], names["t10k-labels"]], "nothing to train on")
    cut = changed("train-images-idx3-ubyte.gz", names["train-images"].read_bytes()[:-1000])
    refused([cut, train[1]], "train-images-idx3-ubyte.gz", "get the file again")
    refused([train[0], changed("train-labels-idx1-ubyte", labels[:-5])], "says that it has", "and has not")
    liar = labels[:4] + struct.pack(">I", 2**31) + labels[8:]
    refused([train[0], changed("train-labels-idx1-ubyte", liar)], "says that it has", "and has not")
    refused([train[0], changed("train-labels-idx1-ubyte", labels[:-1] + b"\x0a")], "a class 10", "fmnist web --data-dir")
    refused([train[0], changed("train-labels-idx1-ubyte", b"PK" + labels[2:])], "is no IDX file")
    few = changed("train-labels-idx1-ubyte", idx(np.zeros(50, np.uint8)))
    refused([train[0], few], "50 labels", f"{TRAINED_ON} images", "belong together")
    small = changed("train-images-idx3-ubyte", idx(np.zeros((TRAINED_ON, 14, 14), np.uint8)))
    refused([small, train[1]], "14×14", "28×28", "fmnist web --data-dir")
    fifty = changed("train-images-idx3-ubyte", idx(np.zeros((50, 28, 28), np.uint8)))
    refused([fifty, few], "45 images", "at least 128")

    page.locator("#use-packed").wait_for(state="hidden")
    # Files that are dropped are taken like those that are chosen, and a picture among them is none to predict.
    few = [("train-images-idx3-ubyte", idx(images[:150])), ("train-labels-idx1-ubyte", idx(labels_of(train[1])[:150]))]
    page.dispatch_event("body", "drop", {"dataTransfer": transfer(page, *[(name, "", data) for name, data in few])})
    told = page.locator("#images-told")
    until("dropped files", lambda: "135 images to train on, 15 to validate" in told.inner_text())
    assert page.locator("#use-packed").is_visible()

    classes = data_of(folder / "page.html")["class_names"]
    pictures = folder / "pictures"
    for index, image in enumerate(images[:180]):
        path = pictures / "all" / classes[index % 10] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(np.repeat(255 - image[:, :, None], 3, 2)))
    last = pictures / "all" / classes[-1]
    (last / "notes.txt").write_text("no picture")
    (last / ".hidden").write_text("no picture")
    told = give(page, "#folder", pictures)
    assert "140 images to train on, 20 to validate, 20 to test" in told, told
    notes = page.locator("#images-notes").inner_text()
    assert "1 of 181 files cannot be read as pictures" in notes and "notes.txt" in notes, notes
    assert "A tenth of the pictures" in notes, notes
    last.rename(pictures / "all" / "bags")
    refused(pictures, "bags", "none of the classes", "fmnist web --data-dir", chooser="#folder")
    page.locator("#use-packed").click()
    until("the page's images", lambda: "400 images to train on" in page.locator("#images-told").inner_text())
    assert page.evaluate("document.activeElement.id") == "choose-folder", "the focus is lost"


def check_trained_on(page, run):
    """Three steps from the weights that came with the page leave it about as good as it came."""
    page.locator("#train-start").select_option("trained")
    page.locator("#train-epochs").fill("1")
    page.locator("#train-go").click()
    until("the end", lambda: phase(page).startswith("Done"), PATIENCE)
    models = json.loads((run / "summary.json").read_text())["models"]
    for line in page.locator("#train-progress p").all_inner_texts():
        print(f"trained on: {line}")
    for number, name in enumerate(models):
        line = page.locator("#train-progress p").nth(number).inner_text()
        found = float(line.split("test ")[1].split()[0]) / 100
        # Of a hundred test images; from random weights three steps reach a third.
        assert abs(found - models[name]["test_accuracy"]) < 0.15, (name, line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fmnist", type=Path)
    parser.add_argument("--screenshots", type=Path)
    args = parser.parse_args()
    program = args.fmnist.resolve()
    folder = Path(tempfile.mkdtemp())
    idx_folder, run = folder / "idx", folder / "run"
    images, labels = make_dataset(Path(os.environ["FMNIST_DATA_DIR"]), idx_folder)

    def fmnist(*words):
        subprocess.run([program, *words], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    data = ["--data-dir", idx_folder]
    fmnist("--backend", "cpu", "train", "--quiet", *data, *MODELS, "--epochs", str(EPOCHS), "--out", run)
    fmnist("web", run, *data, "--samples", "400", "--out", "page.html")
    for name in ["dense", "cnn"]:
        fmnist("export", run, "--model", name, "--format", "safetensors", "--out", run / f"{name}.safetensors")
    diverging = ["--learning-rate", "1e30", "--model", "dense", "--recipe", "plain"]
    fmnist("web", *data, *diverging, "--samples", "400", "--out", "diverging.html")

    # One step an epoch, after which no loss is looked at any more.
    fmnist("web", *data, *diverging, "--samples", "150", "--out", "last.html")

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", *SOFTWARE_GPU]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        with Visit(browser, folder / "page.html", script=CATCH_DEVICES) as page:
            check_training(page, idx_folder, run, folder, (images, labels))
            check_looks(page, "trained", args.screenshots)
        with Visit(browser, folder / "last.html") as page:
            page.locator("#train-epochs").fill("1")
            page.locator("#train-go").click()
            assert "came apart" in trouble(page) and "--learning-rate" in trouble(page)
            assert "Done" not in phase(page)
        with Visit(browser, folder / "page.html") as page:
            check_refusals(page, idx_folder, folder, images)
            check_trained_on(page, run)
            check_looks(page, "untrained", args.screenshots)
        with Visit(browser, folder / "diverging.html") as page:
            page.locator("#train-go").click()
            assert "no longer a number" in trouble(page)
            assert page.locator("#train-go").is_hidden()
            page.locator("#train-anew").click()
            assert page.locator("#train-go").is_enabled()
        with Visit(browser, folder / "page.html", script=WITHOUT_WEBGPU) as page:
            until("the page's images", lambda: "400 images" in page.locator("#images-told").inner_text())
            assert "Training needs the GPU" in trouble(page)
            page.locator("#train-go").click()
            said = trouble(page)
            assert all(name in said for name in ["no WebGPU", "Chrome", "Firefox", "Safari"]), said
        browser.close()
    shutil.rmtree(folder)
    print("training in the page is as it should be")


if __name__ == "__main__":
    main()
