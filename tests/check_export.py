#!/usr/bin/env python3
"""Compares what exported models say in onnxruntime, OpenCV and PyTorch with what the program says.

    tests/check_export.py target/release/fmnist

Trains a few models for some steps, has `fmnist predict` read all test images from PNG files, and
compares its probabilities with those of the exported files. The lines of the guide are run, too.
Needs Fashion-MNIST in FMNIST_DATA_DIR, and the packages of tests/requirements.txt. With photographs in
FMNIST_PICTURES_DIR, models of pictures in colour are compared too.
"""

import csv
import gzip
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
from safetensors import safe_open
from torch import nn

BOUND = 1e-5
# Flags of `fmnist train`: the usual models, and others.
RUNS = {
    "standard": [],
    "plain": ["--recipe", "plain"],
    "other": ["--pixels", "centered", "--widths", "8-12,16,24", "--cnn-hidden", "64,32",
              "--hidden", "300,200,100"],
}


def read_test_set():
    folder = Path(os.environ["FMNIST_DATA_DIR"])
    images = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    return (np.frombuffer(images, np.uint8).reshape(-1, 28, 28),
            np.frombuffer(labels, np.uint8))


def write_png(path, image):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.tobytes() for row in image)
    path.write_bytes(b"\x89PNG\r\n\x1a\n"
                     + chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def predict(fmnist, run, pictures):
    """The probabilities of each model by its name."""
    lines = fmnist("predict", run, pictures, "--json").splitlines()
    answers = [json.loads(line) for line in lines]
    assert [Path(answer["file"]).stem for answer in answers] == sorted(
        path.stem for path in pictures.iterdir()), "one line for each picture, in order"
    for answer in answers:
        for model in answer["models"].values():
            assert model["label"] == int(np.argmax(model["probabilities"]))
    return {name: np.array([answer["models"][name]["probabilities"] for answer in answers])
            for name in answers[0]["models"]}


def run_onnx(path, images, class_names, shape=(1, 28, 28)):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.producer_name == "fmnist" and model.producer_version, "no producer"

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (image,), (probabilities,) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(float)", ["batch", *shape])
    assert (probabilities.name, probabilities.type) == ("probabilities", "tensor(float)")
    assert probabilities.shape == ["batch", len(class_names)]
    assert json.loads(session.get_modelmeta().custom_metadata_map["class_names"]) == class_names
    return np.concatenate([session.run(["probabilities"], {"image": part})[0]
                           for part in batches(images)])


def batches(images):
    """The batch may be of any size."""
    return [images[:1], images[1:8], *np.split(images[8:], range(1000, len(images), 1000))]


def run_opencv(path, images):
    """OpenCV before 4.13 wants attributes that others infer."""
    net = cv2.dnn.readNetFromONNX(str(path))

    def forward(part):
        net.setInput(part)
        return net.forward().copy()

    return np.concatenate([forward(part) for part in batches(images)])


def module(architecture):
    """The model as a user would write it down."""
    (channels, height, width_), layers = architecture["shape"], []
    for stage in architecture.get("widths", []):
        for width in stage if isinstance(stage, list) else [stage]:
            layers += [nn.Conv2d(channels, width, 3, padding="same"), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
        height, width_ = height // 2, width_ // 2
    layers.append(nn.Flatten())
    inputs = channels * height * width_
    for outputs in architecture["hidden"]:
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        inputs = outputs
    return nn.Sequential(*layers, nn.Linear(inputs, architecture["classes"]))


def run_torch(path, architecture, images, class_names):
    model = module(architecture)
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
        model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})
    assert json.loads(about["class_names"]) == class_names, about
    # A number for grey images, a list for those in colour.
    mean, std = (torch.tensor(json.loads(about[name])).reshape(-1, 1, 1) for name in ("pixel_mean", "pixel_std"))
    pixels = (to_torch(images) - mean) / std
    with torch.no_grad():
        return np.from_dlpack(model(pixels).softmax(1))


def to_torch(images):
    """By DLPack: a PyTorch that was built for another NumPy does as well."""
    return torch.from_dlpack(images)


def run_guide(folder, images):
    """What the lines of docs/guide.md make of the exported CNN, in onnxruntime and in PyTorch."""
    guide = (Path(__file__).parent.parent / "docs" / "guide.md").read_text()
    blocks = [block for block in re.findall(r"```python\n(.*?)```", guide, re.S)
              if "cnn.onnx" in block or "cnn.safetensors" in block]
    assert len(blocks) == 2, "the guide shows both formats"
    here = Path.cwd()
    os.chdir(folder)
    try:
        results = []
        for block in blocks:
            names = {"images": images if "cnn.onnx" in block else to_torch(images)}
            with torch.no_grad():
                exec(block, names)
            results.append(np.from_dlpack(names["probabilities"]))
        return results
    finally:
        os.chdir(here)


def shape_of(architecture):
    size = architecture["input"]
    return size["channels"], size["height"], size["width"]


def compare_pictures(fmnist, folder, name, dataset, row):
    """Models of pictures in colour, on the test pictures as the models saw them."""
    out, seen = folder / name, folder / f"{name}-seen"
    fmnist("train", "--quiet", "--epochs", "1", "--image-size", "24", "--pixels", "centered",
           "--data-dir", dataset, "--out", out)
    config = json.loads((out / "config.json").read_text())
    with open(out / "split.csv", newline="") as split:
        paths = [dataset / line["path"] for line in csv.DictReader(split) if line["part"] == "test"]
    # A folder each: pictures of two classes may have the same name.
    answers, images = [], []
    for index, path in enumerate(paths[::4]):
        shown = seen / f"{index}.png"
        seen.mkdir(exist_ok=True)
        answers.append(json.loads(fmnist("predict", out, path, "--json", "--show", shown)))
        images.append(cv2.cvtColor(cv2.imread(str(shown)), cv2.COLOR_BGR2RGB).transpose(2, 0, 1))
    images = np.ascontiguousarray(np.stack(images).astype(np.float32) / 255)
    for architecture in config["models"]:
        model = architecture["model"]
        architecture["shape"] = shape_of(architecture)
        expected = np.array([answer["models"][model]["probabilities"] for answer in answers])
        files = {form: out / f"{model}.{form}" for form in ("onnx", "safetensors")}
        for form, path in files.items():
            fmnist("export", out, "--model", model, "--format", form, "--out", path)
        results = [run_onnx(files["onnx"], images, config["class_names"], architecture["shape"]),
                   run_torch(files["safetensors"], architecture, images, config["class_names"]),
                   run_opencv(files["onnx"], images)]
        row(f"{name} {model}", *(result - expected for result in results))


def main():
    program = Path(sys.argv[1]).resolve()

    def fmnist(*args):
        result = subprocess.run([program, "--backend", "cpu", *args], capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"check_export: {args[0]} failed: {result.stderr}")
        return result.stdout

    bytes_, labels = read_test_set()
    images = bytes_.astype(np.float32)[:, None] / 255
    worst = 0.0

    def row(name, *differences):
        nonlocal worst
        differences = [np.abs(difference).max() for difference in differences]
        worst = max(worst, *differences)
        print(f"{name:28}", *(f"{difference:<20.1e}" for difference in differences))

    programs = {"onnxruntime": onnxruntime, "PyTorch": torch, "OpenCV": cv2}
    programs = [f"{name} {module.__version__}" for name, module in programs.items()]
    print(f"{'':28}", *(f"{program:20}" for program in programs))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        pictures = folder / "pictures"
        pictures.mkdir()
        for index, image in enumerate(bytes_):
            write_png(pictures / f"{index:05}.png", image)
        for run, flags in RUNS.items():
            out = folder / run
            fmnist("train", "--quiet", "--epochs", "1", "--samples", "12800", "--out", out, *flags)
            config = json.loads((out / "config.json").read_text())
            summary = json.loads((out / "summary.json").read_text())
            answers = predict(fmnist, out, pictures)
            for architecture in config["models"]:
                name = architecture["model"]
                expected = answers[name]
                accuracy = (expected.argmax(1) == labels).mean()
                measured = summary["models"][name]["test_accuracy"]
                assert abs(accuracy - measured) < 1e-12, f"{run} {name}: {accuracy} != {measured}"
                files = {form: out / f"{name}.{form}" for form in ("onnx", "safetensors")}
                for form, path in files.items():
                    fmnist("export", out, "--model", name, "--format", form, "--out", path)
                architecture["shape"] = shape_of(architecture)
                results = [run_onnx(files["onnx"], images, config["class_names"]),
                           run_torch(files["safetensors"], architecture, images, config["class_names"]),
                           run_opencv(files["onnx"], images)]
                row(f"{run} {name}", *(result - expected for result in results))
                if (run, name) == ("plain", "cnn"):
                    row("the guide's lines", *(result - expected for result in run_guide(out, images)))
        photographs = os.environ.get("FMNIST_PICTURES_DIR")
        for name in ["sign-language-digits/images", "clothing"] if photographs else []:
            compare_pictures(fmnist, folder, name.split("/")[0], Path(photographs, name), row)
    if worst > BOUND:
        sys.exit(f"check_export: the probabilities differ by {worst:.1e}, more than {BOUND:.0e}")


if __name__ == "__main__":
    main()
