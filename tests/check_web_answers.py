#!/usr/bin/env python3
"""Shows pages of `fmnist web` pictures in every way there is, and compares their answers with `fmnist predict`.

    tests/check_web_answers.py target/release/fmnist RUN [RUN ...]

Each run has its page, web.html. Pictures are drawn, and painted as if photographed; with photographs in
FMNIST_PICTURES_DIR, some of those are shown, too. They are dropped on the page, held before Chromium's camera, and
drawn with its pen. Needs the packages of tests/requirements.txt, and Chromium (Debian: `chromium`).
"""

import base64
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

from check_web import CAMERA, GPU_PATIENCE, SOFTWARE_GPU, Visit, data_of, new_result, transfer, until

sys.path.append(str(Path(__file__).parent / "web"))
from check_prepare import drawn_pictures, painted_garments, photographs, shirt  # noqa: E402

# Percent that the page's probabilities, which are shown with one decimal, may be from the program's: of large
# pictures some pixels in a hundred differ by one level (check_prepare.py).
BOUND = 3
PAINTED = 12
# Seconds for the largest picture.
PATIENCE = 60
GREY = 128


def program_answers(program, run, folder):
    """What `fmnist predict` says of each picture of a folder, by the picture's name."""
    command = [program, "--backend", "cpu", "predict", run, folder, "--json"]
    result = subprocess.run(command, capture_output=True, text=True)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert answers, result.stderr
    return {Path(answer["file"]).name: answer for answer in answers}


def page_answer(result):
    """The page's probabilities by class, in percent, one for each model; none of what is no picture to it."""
    rows = result.locator("tbody tr").all()
    names = [row.locator("bdi").text_content() for row in rows]
    shown = [[float(cell.split()[0]) for cell in row.locator("td").all_text_contents()] for row in rows]
    return dict(zip(names, shown))


def compare(shown, data, expected, name):
    """Whether the page predicts what the program predicts; how far apart the probabilities are."""
    if "error" in expected:
        assert not shown, f"{name}: the program says {expected['error']}"
        return 0
    farthest = 0
    for index, model in enumerate(data["models"]):
        answer = expected["models"][model["name"]]
        probabilities = 100 * np.array(answer["probabilities"])
        best = max(shown, key=lambda row: shown[row][index])
        # Two classes that are as probable may change places.
        best_of_program = shown[answer["class"]][index] if answer["class"] in shown else -1
        assert best_of_program >= shown[best][index] - 0.1, f"{name}, {model['name']}: {best}, not {answer['class']}"
        for row, values in shown.items():
            expected_value = probabilities[data["class_names"].index(row)]
            farthest = max(farthest, abs(values[index] - expected_value))
    assert farthest <= BOUND, f"{name}: {farthest:.2f} % from the program's"
    return farthest


def check_dropped(page, data, expected, folder):
    """Pictures dropped one by one."""
    farthest = 0
    for name, answer in expected.items():
        file = (name, "image/png", (folder / name).read_bytes())
        page.dispatch_event("body", "drop", {"dataTransfer": transfer(page, file)})
        # Not their number: the page keeps the latest ones only.
        result = page.locator(".result").first
        until(f"the answer to {name}", lambda: name in result.inner_text(), PATIENCE)
        farthest = max(farthest, compare(page_answer(result), data, answer, name))
    return farthest


def write_video(path, grey):
    """A still picture of Y'CbCr 4:2:0 without colours, as a camera gives it: its luma in the video's range."""
    height, width = grey.shape
    luma = (16 + grey.astype(float) * 219 / 255).round().astype(np.uint8).tobytes()
    chroma = bytes([GREY]) * (height // 2 * (width // 2))
    frame = b"FRAME\n" + luma + 2 * chroma
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode() + 10 * frame)


def photographed(page):
    page.locator("#photograph").click()
    until("the camera", page.locator("#take").is_enabled)
    return page_answer(new_result(page, page.locator("#take").click))


def drawn(page):
    """Draws a zigzag; the answer, and the paper as a PNG."""
    page.locator("#draw").click()
    paper = page.locator("#paper")
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()

    def to(x, y):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)

    def stroke():
        to(0.35, 0.25)
        page.mouse.down()
        for row in range(12):
            to(0.65 if row % 2 else 0.35, 0.25 + 0.045 * row)
        page.mouse.up()

    answer = page_answer(new_result(page, stroke))
    url = page.evaluate("document.getElementById('paper').toDataURL()")
    return answer, base64.b64decode(url.split(",")[1])


def check_page(playwright, chromium, program, run, folder):
    page_file = (run / "web.html").resolve()
    data = data_of(page_file)
    expected = program_answers(program, run, folder)

    def launch(*arguments):
        return playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", *arguments])

    with tempfile.TemporaryDirectory() as other:
        other = Path(other)
        camera = np.full((480, 640, 3), 225, np.uint8)
        camera = shirt(camera, (60, 60, 60), 0.7)[..., 0]
        cv2.imwrite(str(other / "camera.png"), camera)
        write_video(other / "camera.y4m", camera)
        browser = launch(*CAMERA, *SOFTWARE_GPU, f"--use-file-for-fake-video-capture={other / 'camera.y4m'}")
        with Visit(browser, page_file) as page:
            about = page.locator("#about > div")
            until("the GPU", lambda: "on the GPU" in about.text_content(), GPU_PATIENCE)
            dropped = check_dropped(page, data, expected, folder)
            page.locator("#clear-results").click()
            camera_answer = photographed(page)
            drawing_answer, drawing = drawn(page)
            (other / "drawing.png").write_bytes(drawing)
            answers = program_answers(program, run, other)
            for name, shown in [("camera.png", camera_answer), ("drawing.png", drawing_answer)]:
                compare(shown, data, answers[name], name)
        browser.close()
    print(f"{page_file}: {len(expected)} pictures dropped, at most {dropped:.2f} % from the program; photographed, drawn")


def main():
    program, *runs = map(Path, sys.argv[1:])
    random = np.random.default_rng(0)
    pictures = drawn_pictures(random)
    pictures |= dict(list(painted_garments(random).items())[:PAINTED])
    pictures |= photographs(random)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        folder = Path(folder)
        for index, picture in enumerate(pictures.values()):
            cv2.imwrite(str(folder / f"{index:02}.png"), picture)
        for run in runs:
            check_page(playwright, shutil.which("chromium"), program.resolve(), run, folder)


if __name__ == "__main__":
    main()
