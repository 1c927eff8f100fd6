#!/usr/bin/env python3
"""Compares the first steps of a training in the page of `fmnist web` with those of the program.

    cargo test --release --test train -- page && tests/check_web_steps.py target/tmp/steps

In the folder are pages, each with what both backends made of its steps (tests/train/page.rs). The page's modules take
the same steps in Chromium, on WebGPU by SwiftShader, from the same weights and images in the same order: batches
must be equal bit for bit, all else to the tolerance that the backends have among each other. Needs the packages
`numpy` and `playwright`, and Chromium (Debian: `chromium`).
"""

import argparse
import base64
import json
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from check_web import data_of
from check_web_parity import software_gpu

LOSS_BOUND = 1e-4
# Takes the steps by the modules of the page.
STEPS = """async ({ data, name, beginning, order, steps }) => {
    const { filledBuffer, needsOf, openGpu, Program, Shaders } = await import('/device.js');
    const { Learner } = await import('/learner.js');
    const { decodeBase64, decodePrograms, unpacked } = await import('/weights.js');
    const { scalesOf, selectionNumbers, targetValues } = await import('/step.js');
    const { shape, channels, class_names: { length: classes }, training } = data;
    const { epochs, seed, batch_size: batchSize, evaluation_batch: evaluationBatch, packed } = training;
    const model = training.models.find((model) => model.name === name);
    const { shaders: texts, models } = await decodePrograms(data.programs);
    const opened = await openGpu(needsOf(Object.values(models[name])));
    if (!opened.isSoftware) throw new Error('SwiftShader is not known as software');
    const { device } = opened;
    const shaders = new Shaders(opened, texts);

    const { len } = packed.train;
    const bytes = await unpacked(packed.train.bytes);
    const values = shape.channels * shape.height * shape.width;
    const labels = Uint32Array.from(new Uint16Array(bytes.slice(len * values).buffer));
    const inOrder = Uint32Array.from({ length: len + evaluationBatch }, (_, index) => Math.min(index, len - 1));
    const gpu = {
        device,
        shaders,
        // To whole words, with what is behind them.
        images: filledBuffer(device, 'images', bytes.slice(0, Math.ceil((len * values) / 4) * 4)),
        labels: filledBuffer(device, 'labels', labels),
        inOrder: filledBuffer(device, 'order', inOrder),
    };
    const text = (values) => {
        const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
        let text = '';
        for (let at = 0; at < bytes.length; at += 2 ** 15) {
            text += String.fromCharCode(...bytes.subarray(at, at + 2 ** 15));
        }
        return btoa(text);
    };

    // The batch, by the first launch of a step alone.
    const { train } = models[name];
    const [gather] = train.launches;
    const [images, targets] = gather.bindings.slice(5).map(([buffer]) => buffer);
    const alone = { ...train, launches: [gather], outputs: { made: images, targets } };
    const orderBuffer = filledBuffer(device, 'order', Uint32Array.from(order));
    const batchOf = await Program.compile(shaders, alone, { images: gpu.images, labels: gpu.labels, order: orderBuffer });
    const scales = scalesOf(model.pixels, channels);
    const { augment } = model.learning;
    const batch = await batchOf.run({
        target_values: targetValues(model.learning, shape, classes),
        selection: selectionNumbers({ first: 0, len: batchSize, seed, epoch: 1, augment, scales, channels, shape }),
    }, ['made', 'targets']);

    const weights = new Float32Array(decodeBase64(beginning).buffer);
    const run = { epochs, batchSize, evaluationBatch, seed, shape, classes, channels, labels };
    const learner = await Learner.compile(gpu, model, models[name], run, weights);
    learner.setOrder(Uint32Array.from(order));
    const first = await learner.submitSteps(1, 0, 1);
    const moments = await learner.read('moments_1');
    const others = await learner.submitSteps(1, 1, steps - 1);
    const end = await learner.read('parameters');
    const probabilities = await learner.predict(0, len, () => true);
    device.destroy();
    return {
        // Their buffers may hold larger things later.
        images: text(batch.made.subarray(0, batchSize * values)),
        targets: text(batch.targets.subarray(0, batchSize * classes)),
        sums: text(Float32Array.of(...first, ...others)),
        gradients: text(moments), end: text(end), probabilities: text(probabilities), starts: model.starts,
    };
}"""


def floats(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def relative_error(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def sizes_of(layers):
    for layer in layers:
        inputs = layer["inputs"] if layer["kind"] == "linear" else layer["in_channels"] * layer["kernel"] ** 2
        outputs = layer["outputs"] if layer["kind"] == "linear" else layer["out_channels"]
        yield from [inputs * outputs, outputs]


def check(page, path):
    data = data_of(path)
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    for model, native in zip(data["training"]["models"], expected["models"]):
        what = f"{path.stem}, {model['name']}"
        arguments = {
            "data": data,
            "name": model["name"],
            "beginning": native["beginning"],
            "order": expected["order"],
            "steps": expected["steps"],
        }
        found = page.evaluate(STEPS, arguments)
        for batch in ("images", "targets"):
            assert found[batch] == native[batch], f"{what}: other {batch} in the batch"
        sums, native_sums = (floats(text["sums"]).reshape(-1, 3) for text in (found, native))
        # Correct predictions of a loss that is the same to rounding.
        error = np.abs(sums[:, 0] - native_sums[:, 0]).max() / data["training"]["batch_size"]
        assert error < LOSS_BOUND, f"{what}: losses differ by {error:.1e}"
        said = [f"losses by {error:.1e}"]
        for name, bound in expected["bounds"].items():
            values = floats(found[name])
            if name != "probabilities":
                # A step's buffer has gaps.
                sizes = sizes_of(model["layers"])
                values = np.concatenate([values[start:][:size] for start, size in zip(model["starts"], sizes)])
            error = relative_error(values, floats(native[name]))
            assert error <= bound, f"{what}: {name} differ by {error:.1e}"
            said.append(f"{name} by {error:.1e}")
        print(f"{what}: batches are equal; {', '.join(said)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    paths = sorted(args.folder.glob("*.html"))
    assert paths, f"{args.folder} holds no pages"
    with sync_playwright() as playwright:
        page = software_gpu(playwright)
        for path in paths:
            check(page, path)


if __name__ == "__main__":
    main()
