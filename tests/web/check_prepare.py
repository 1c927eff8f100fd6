#!/usr/bin/env python3
"""Compares the images that the page of `fmnist web` makes of pictures with those of `fmnist predict --show`.

    tests/web/check_prepare.py target/release/fmnist

Draws pictures, has the program and the page's modules in Node prepare them for models of several kinds, and compares
pixels and what is said. Needs Node, and NumPy and OpenCV of tests/requirements.txt. With Fashion-MNIST in
FMNIST_DATA_DIR, test images are painted as if photographed; with photographs in FMNIST_PICTURES_DIR, some are
compared, too.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent
# Of the pixels of a picture at least so many must be the same, and none may be more than one level away.
LEAST_EQUAL = 0.99
SCENES = 240
PHOTOGRAPHS = 12
# Name, flags of `fmnist train`, and what the page is told: channels, side, resize.
RUNS = [("garments", ["--dataset", "synthetic", "--samples", "500"], (1, 28, None))] + [
    (f"{resize} {channels} {side}", ["--resize", resize, "--channels", str(channels), "--image-size", str(side)],
     (channels, side, resize))
    for resize, channels, side in [("pad", 3, 64), ("crop", 3, 48), ("stretch", 3, 37), ("pad", 1, 33),
                                   ("crop", 1, 64), ("stretch", 1, 20)]]


def canvas(height, width, shade):
    return np.full((height, width, 3), shade, np.uint8)


def shirt(picture, color, scale=1.0, at=(0.5, 0.5)):
    """Draws a shape like a T-shirt's, `scale` of the shorter side high."""
    outline = np.array([(-.25, -.5), (.25, -.5), (.5, -.2), (.35, -.05), (.25, -.15), (.25, .5), (-.25, .5),
                        (-.25, -.15), (-.35, -.05), (-.5, -.2)])
    height, width = picture.shape[:2]
    points = outline * min(height, width) * scale * 0.9 + np.array([at[0] * width, at[1] * height])
    return cv2.fillPoly(picture, [points.round().astype(np.int32)], color)


def lit(picture, light):
    """Light that falls off to the right and to the corners."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1:1:height * 1j, -1:1:width * 1j]
    return (picture * (1 - light * (0.3 * (x + 1) + 0.2 * (x * x + y * y)))[..., None]).round().astype(np.uint8)


def framed(picture, shade, *thickness):
    return cv2.copyMakeBorder(picture, *map(int, thickness), cv2.BORDER_CONSTANT, value=(int(shade),) * 3)


def drawn_pictures(random):
    """Pictures by name: grey, BGR or BGRA."""
    def noisy(picture, deviation):
        return (picture + random.normal(0, deviation, picture.shape)).clip(0, 255).round().astype(np.uint8)

    def with_alpha(picture, alpha):
        return np.dstack([picture, alpha.astype(np.uint8)])

    dark = shirt(canvas(400, 300, 240), (90, 40, 30))
    light = shirt(canvas(301, 417, 12), (190, 220, 235))
    mask = shirt(canvas(200, 170, 0), (255,) * 3)[..., 0]
    soft = cv2.GaussianBlur(mask, (0, 0), 5)
    colors = random.integers(0, 256, (200, 170, 3), dtype=np.uint8)
    photo = cv2.resize(random.integers(0, 256, (9, 13, 3), dtype=np.uint8), (640, 427), interpolation=cv2.INTER_CUBIC)
    screenshot = canvas(900, 500, 30)
    screenshot[200:620, 60:440] = shirt(canvas(420, 380, 250), (60, 80, 160), 0.8)
    checks = np.kron(np.indices((20, 20)).sum(0)[..., None] % 2, np.ones((15, 15, 3))) * 200
    patterned = canvas(420, 430, 30)
    patterned[100:320, 100:330] = 225 - checks[:220, :230] / 15
    floor = noisy(shirt(canvas(320, 260, 210), (40, 50, 70), 0.7), 4)
    floor[220:] //= 2
    return {
        "dark on light": dark,
        "light on dark": light,
        "noisy": noisy(dark, 6),
        "lit": lit(dark, 0.8),
        "lit and noisy": noisy(lit(shirt(canvas(500, 640, 225), (60, 90, 120), 0.7), 0.9), 5),
        "faint": noisy(shirt(canvas(350, 280, 200), (185, 188, 190), 0.6), 1),
        "small object": noisy(shirt(canvas(1200, 900, 235), (30, 60, 90), 0.08, (0.7, 0.3)), 2),
        "at the border": shirt(canvas(330, 330, 245), (20, 30, 90), 1.2),
        "framed": framed(dark, 0, 9, 9, 9, 9),
        "bars": noisy(framed(noisy(dark, 3), 0, 0, 0, 60, 70), 1),
        "scan": framed(framed(light, 255, 4, 0, 2, 9), 90, 1, 1, 1, 1),
        "screenshot": screenshot,
        "patterned card": patterned,
        "wall and floor": floor,
        "pattern": noisy(checks, 9),
        "noise": random.integers(0, 256, (150, 200, 3), dtype=np.uint8),
        "photo": photo,
        "transparent": with_alpha(colors // 2, mask),
        "transparent white": with_alpha(canvas(200, 170, 250), mask),
        "transparent soft": with_alpha(colors, soft),
        "all transparent": with_alpha(colors, 0 * mask),
        "grey": noisy(dark, 3)[..., 1],
        "grey light on dark": light[..., 0],
        "28 on black": shirt(canvas(28, 28, 0), (200, 180, 160)),
        "28 on white": shirt(canvas(28, 28, 255), (60, 90, 130))[..., 1],
        "28 on grey": shirt(canvas(28, 28, 110), (60, 90, 130)),
        "27×28": shirt(canvas(28, 27, 230), (60, 90, 130)),
        "plain": canvas(90, 120, 130),
        "nearly plain": noisy(canvas(90, 120, 130), 0.6),
        "1×1": canvas(1, 1, 77),
        "2×3": random.integers(0, 256, (3, 2, 3), dtype=np.uint8),
        "1×40": random.integers(0, 256, (40, 1, 3), dtype=np.uint8),
        "5×4": random.integers(0, 256, (4, 5, 3), dtype=np.uint8),
        "tiny object": shirt(canvas(17, 13, 255), (0, 0, 0)),
        "strip": shirt(canvas(31, 1500, 250), (0, 60, 120)),
        "1001×77": noisy(shirt(canvas(77, 1001, 20), (150, 160, 220), 0.9, (0.2, 0.5)), 4),
        "huge": noisy(lit(shirt(canvas(2900, 4100, 230), (70, 50, 40), 0.6), 0.5), 5),
    }


def scenes(random):
    """Pictures of all that makes an object hard to find, in any mixture."""
    def chance(share):
        return random.random() < share

    def color():
        return (random.integers(0, 256) + random.integers(-15, 16, 3)).clip(0, 255).tolist()

    for index in range(SCENES):
        sides = (28, 28) if chance(0.05) else random.integers(24, 300, 2)
        picture = canvas(*sides, color())
        height, width = picture.shape[:2]
        if chance(0.2):  # a floor below the wall
            picture[random.integers(height // 3, height):] = color()
        if chance(0.25):  # a card, with something else at its edge
            left, top, right, bottom = (random.uniform(0, 0.3, 4) * [width, height, width, height]).astype(int).tolist()
            cv2.rectangle(picture, (left, top), (width - right, height - bottom), color(), -1)
            cv2.rectangle(picture, (left, top), (left + random.integers(0, width), top), color(), 2)
        for _ in range(random.integers(0, 3)):
            shirt(picture, color(), random.uniform(0.05, 1.2), random.uniform(0.2, 0.8, 2))
        for _ in range(random.integers(0, 12) if chance(0.3) else 0):  # things at the border
            at = (int(random.integers(0, width)), int(random.choice([0, height])))
            cv2.circle(picture, at, int(random.integers(1, 3 + width // 20)), color(), -1)
        if chance(0.4):
            picture = lit(picture, random.uniform(0, 1.2))
        if chance(0.3):
            picture[:, :random.integers(1, 1 + width // 8)] = color()
        for _ in range(random.integers(0, 3)):
            picture = framed(picture, random.integers(0, 256), *random.integers(0, 2 + max(sides) // 8, 4))
            if chance(0.3):  # round corners
                cv2.circle(picture, (0, 0), int(random.integers(2, 40)), picture[0, 0].tolist(), -1)
        picture = picture + random.normal(0, random.choice([0, 1, 3, 8]), picture.shape)
        yield f"scene {index}", picture.clip(0, 255).round().astype(np.uint8)


def painted_garments(random):
    """Images of the test set, enlarged on backgrounds of any shade."""
    packed = Path(os.environ["FMNIST_DATA_DIR"], "t10k-images-idx3-ubyte.gz").read_bytes()
    images = np.frombuffer(gzip.decompress(packed)[16:], np.uint8).reshape(-1, 28, 28)
    pictures = {}
    for index in range(40):
        side = int(random.integers(30, 500))
        background, garment = random.integers(0, 256, (2, 3))
        share = cv2.resize(images[index], (side, side), interpolation=cv2.INTER_CUBIC)[..., None] / 255
        margins = [(*random.integers(0, 60, 2),) for _ in range(2)]
        share = np.pad(share, [*margins, (0, 0)])
        picture = background + (garment - background) * share
        picture += random.normal(0, random.integers(0, 5), picture.shape)
        pictures[f"test image {index}"] = picture.clip(0, 255).round().astype(np.uint8)
    return pictures


def photographs(random):
    folder = Path(os.environ["FMNIST_PICTURES_DIR"])
    for part in sorted(path for path in folder.iterdir() if path.is_dir()):
        paths = sorted(path for path in part.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        for path in random.choice(paths, min(PHOTOGRAPHS, len(paths)), replace=False):
            yield f"{part.name} {path.stem[:8]}", cv2.imread(str(path))


def to_rgba(picture):
    if picture.ndim == 2:
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2RGBA)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGBA if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


def read_bytes(path, channels):
    """The image that the program wrote, `[channels, height, width]`."""
    if channels == 1:
        return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)[None]
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB).transpose(2, 0, 1)


def write_dataset(folder, random):
    """Pictures of two classes, so that there is something to train on."""
    for name, shade in [("dark", 40), ("light", 200)]:
        (folder / name).mkdir(parents=True)
        for index in range(12):
            picture = random.integers(0, 50, (40, 40, 3)) + shade
            cv2.imwrite(str(folder / name / f"{index}.png"), picture.astype(np.uint8))


def same_words(program, page, path):
    """Whether the page says what the program says; only the page has no flags."""
    if program is None or page is None:
        return program is page
    return program.replace(path, "This picture").replace("with --show ", "") == page


def main():
    program = Path(sys.argv[1]).resolve()
    random = np.random.default_rng(0)
    pictures = drawn_pictures(random) | dict(scenes(random))
    if "FMNIST_DATA_DIR" in os.environ:
        pictures |= painted_garments(random)
    if "FMNIST_PICTURES_DIR" in os.environ:
        pictures |= photographs(random)
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}

        def fmnist(*args, may_fail=False):
            result = subprocess.run([program, "--backend", "cpu", *args], capture_output=True, text=True,
                                    env=environment)
            if result.returncode != 0 and not may_fail:
                sys.exit(f"check_prepare: {args[0]} failed: {result.stderr}")
            return result.stdout

        write_dataset(folder / "dataset", random)
        for kind in ("files", "rgba", "page"):
            (folder / kind).mkdir()
        files = {name: folder / "files" / f"{index:03}.png" for index, name in enumerate(pictures)}
        for name, path in files.items():
            cv2.imwrite(str(path), pictures[name])
            (folder / "rgba" / path.stem).write_bytes(to_rgba(pictures[name]).tobytes())

        for run, flags, (channels, side, resize) in RUNS:
            out, shown = folder / run, folder / f"{run} shown"
            if resize:
                flags = ["--data-dir", folder / "dataset", *flags]
            fmnist("train", "--quiet", "--model", "dense", "--epochs", "1", "--out", out, *flags)
            lines = fmnist("predict", out, folder / "files", "--json", "--show", shown, may_fail=True).splitlines()
            said = {answer["file"]: answer for answer in map(json.loads, lines)}
            jobs = [{"rgba": str(folder / "rgba" / path.stem), "out": str(folder / "page" / path.stem),
                     "width": pictures[name].shape[1], "height": pictures[name].shape[0],
                     "shape": {"channels": channels, "height": side, "width": side}, "resize": resize}
                    for name, path in files.items()]
            node = subprocess.run(["node", HERE / "prepare_cli.mjs"], input=json.dumps(jobs), capture_output=True,
                                  text=True, check=True)
            print(f"{run}: {len(jobs)} pictures")
            for (name, path), page in zip(files.items(), json.loads(node.stdout), strict=True):
                answer = said[str(path)]
                words = same_words(answer.get("error"), page.get("error"), str(path)) and same_words(
                    answer.get("warning"), next(iter(page.get("notes", [])), None), str(path))
                outcome, good = " nothing but background", words
                if "error" not in answer and "error" not in page:
                    expected = read_bytes(shown / f"{path.name}.png", channels)
                    image = np.fromfile(folder / "page" / path.stem, np.uint8).reshape(channels, side, side)
                    difference = np.abs(expected.astype(int) - image)
                    equal, largest = (difference == 0).mean(), difference.max()
                    outcome = f"{equal:8.2%} equal, largest difference {largest}"
                    outcome += ", no plain background" if "warning" in answer else ""
                    good = words and largest <= 1 and equal >= LEAST_EQUAL
                failures += not good
                if not words:
                    outcome += f" — the page says {page}, the program {answer}"
                print(f"  {name:28} {outcome}{'' if good else ' — FAILED'}")
    if failures:
        sys.exit(f"check_prepare: {failures} images differ")


if __name__ == "__main__":
    main()
