"""A folder of pictures with PyTorch and torchvision on the CPU: decoding, speed and accuracy."""

import argparse
import csv
import json
import math
import statistics
import sys
import time
from pathlib import Path

import common


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    decode = commands.add_parser("decode", help="seconds to decode and resize all pictures")
    decode.add_argument("--rounds", type=int, default=3)

    train = commands.add_parser("train", help="seconds per epoch: Adam, data in memory")
    train.add_argument("--epochs", type=int, default=3, help="first one included, at least 2")
    train.add_argument("--compile", action="store_true", help="through torch.compile")

    accuracy = commands.add_parser("accuracy", help="of AdamW and cosine on augmented pictures")
    accuracy.add_argument("--seeds", type=int, default=5, metavar="N", help="0 to N - 1")
    accuracy.add_argument("--validate", action="store_true", help="leave the test part alone")
    accuracy.add_argument("--epochs", type=int, default=40)
    accuracy.add_argument("--batch-size", type=int, default=64)
    accuracy.add_argument("--learning-rate", type=float, default=1e-3, help="the largest")
    accuracy.add_argument("--weight-decay", type=float, default=0.05)
    accuracy.add_argument("--label-smoothing", type=float, default=0.1)
    accuracy.add_argument("--dropout", type=float, default=0.5, help="around the hidden layer")
    accuracy.add_argument("--batch-norm", action=argparse.BooleanOptionalAction, default=True)
    accuracy.add_argument("--crop", type=float, default=0.5, help="smallest share of the area; 1: all")
    accuracy.add_argument("--jitter", type=float, default=0.3, help="of the colours; 0 for none")
    accuracy.add_argument("--flip", action="store_true", help="mirror half of the pictures")

    for command in commands.choices.values():
        command.add_argument("folder", type=Path, help="of the pictures, one folder in it per class")
        command.add_argument("--threads", type=int, default=2, help="and workers")
        command.add_argument("--json", action="store_true", help="one line of JSON and nothing else")
        command.add_argument("--image-size", type=int, default=64, metavar="N", help="pixels of a side")
    for command in (train, accuracy):
        command.add_argument(
            "--run", type=Path, required=True, help="folder of an fmnist run, for its split.csv"
        )
        command.add_argument(
            "--widths", default="32,64,128", help="channels of the convolutions, as `fmnist train` has them"
        )
    args = parser.parse_args()
    if args.command == "train" and args.epochs < 2:
        parser.error("--epochs must be at least 2: the first is a warm-up")
    return args


args = arguments()
SIDE = args.image_size
common.confine(args.threads)
common.keep_memory()

import torch
import torchvision
from PIL import Image, ImageOps
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2

torch.set_num_threads(args.threads)

# The longer side becomes SIDE, antialiased; CenterCrop adds black where a picture is smaller.
WHOLE = v2.Compose([v2.Resize(None, max_size=SIDE), v2.CenterCrop(SIDE)])


def with_pillow(path):
    with Image.open(path) as image:
        return v2.functional.pil_to_tensor(WHOLE(ImageOps.exif_transpose(image).convert("RGB")))


def with_torchvision(path):
    return WHOLE(decode_image(str(path), ImageReadMode.RGB, apply_exif_orientation=True))


DECODERS = {"pillow": with_pillow, "torchvision": with_torchvision}


class Pictures(Dataset):
    """Files as bytes `[3, SIDE, SIDE]`."""

    def __init__(self, paths, decode):
        self.paths, self.decode = paths, decode

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.decode(self.paths[index])


class Augmented(Dataset):
    """Pictures as bytes, changed anew each time, and their labels."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels
        changes = []
        if args.crop < 1:
            changes.append(v2.RandomResizedCrop(SIDE, scale=(args.crop, 1), antialias=True))
        if args.jitter:
            changes.append(v2.ColorJitter(args.jitter, args.jitter, args.jitter, args.jitter / 10))
        if args.flip:
            changes.append(v2.RandomHorizontalFlip())
        self.change = v2.Compose(changes) if changes else nn.Identity()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.change(self.images[index]), self.labels[index]


class Cnn(nn.Module):
    """The stages and a hidden layer; what `dropout` and `batch_norm` add is only for training."""

    def __init__(self, classes, dropout=0.0, batch_norm=False):
        super().__init__()
        stages = [[int(width) for width in stage.split("-")] for stage in args.widths.split(",")]
        widths = [width for stage in stages for width in stage]
        self.pools = [last for stage in stages for last in [False] * (len(stage) - 1) + [True]]
        self.convs = nn.ModuleList(
            nn.Conv2d(*ends, 3, padding="same") for ends in zip([3, *widths], widths)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width) if batch_norm else nn.Identity() for width in widths
        )
        self.hidden = nn.Linear(widths[-1] * (SIDE >> len(stages)) ** 2, 128)
        self.output = nn.Linear(128, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        for conv, norm, pool in zip(self.convs, self.norms, self.pools):
            # ReLU commutes with the maximum; after the pool it has a quarter of the work.
            x = norm(conv(x))
            x = F.relu(F.max_pool2d(x, 2) if pool else x, inplace=True)
        x = F.relu(self.hidden(self.dropout(x.flatten(1))), inplace=True)
        return self.output(self.dropout(x))


def decoded(paths, decode):
    """All of `paths`, one after the other: bytes `[N, 3, SIDE, SIDE]`."""
    loader = DataLoader(Pictures(paths, decode), common.BATCH, num_workers=args.threads)
    return torch.cat(list(loader))


def parts(*names):
    """The classes' names and, for each part of the run's split, its pictures and their labels."""
    with open(args.run / "split.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    classes = sorted({row["class"] for row in rows if row["part"] == "train"})

    def part(name):
        chosen = [row for row in rows if row["part"] == name]
        images = decoded([args.folder / row["path"] for row in chosen], with_torchvision)
        return images, torch.tensor([classes.index(row["class"]) for row in chosen])

    return classes, [part(name) for name in names]


def normaliser(images):
    """What gives each channel of bytes the mean 0 and the deviation 1 that `images` then have."""
    x = images.float()
    mean, deviation = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True)
    return lambda x: ((x.float() - mean) / deviation).contiguous(memory_format=torch.channels_last)


def decode():
    paths = [path for path, _ in ImageFolder(args.folder).samples]
    seconds = {name: [] for name in DECODERS}
    for _ in range(args.rounds):
        for name, decoder in DECODERS.items():
            started = time.perf_counter()
            decoded(paths, decoder)
            seconds[name].append(time.perf_counter() - started)
    medians = {name: round(statistics.median(each), 3) for name, each in seconds.items()}
    fastest = min(medians, key=medians.get)
    return {
        "pictures": len(paths),
        "seconds": medians,
        "decoder": fastest,
        "decode_seconds": medians[fastest],
    }


def train():
    torch.manual_seed(common.SEED)
    classes, [(images, labels)] = parts("train")
    images = normaliser(images)(images)
    model = Cnn(len(classes)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), common.LEARNING_RATE, eps=1e-8, fused=True)

    def loss_of(x, y):
        return F.cross_entropy(model(x), y)

    if args.compile:
        loss_of = torch.compile(loss_of)
    first_batch_seconds = None
    epoch_seconds = []
    for _ in range(args.epochs):
        started = time.perf_counter()
        for indices in torch.randperm(len(labels)).split(common.BATCH):
            loss = loss_of(images[indices], labels[indices])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            first_batch_seconds = first_batch_seconds or common.seconds_since_process_start()
        epoch_seconds.append(time.perf_counter() - started)
    return {
        "pictures": len(labels),
        "classes": len(classes),
        "first_epoch_seconds": round(epoch_seconds[0], 4),
        "seconds_per_epoch": [round(seconds, 4) for seconds in epoch_seconds[1:]],
        "first_batch_seconds": round(first_batch_seconds, 3),
        "peak_rss_mib": round(common.peak_rss_mib()),
        "loss": round(loss.item(), 4),
    }


def accuracy():
    part = "validation" if args.validate else "test"
    classes, [training, held_out] = parts("train", part)
    reached = []
    for seed in range(args.seeds):
        reached.append(accuracy_of(seed, len(classes), training, held_out))
        print(f"seed {seed}: {reached[-1]:.2%} on the {part} part", file=sys.stderr, flush=True)
    return {
        "part": part,
        "pictures": [len(training[1]), len(held_out[1])],
        "accuracy": [round(each, 4) for each in reached],
        "mean": round(statistics.mean(reached), 4),
        "deviation": round(statistics.stdev(reached), 4) if args.seeds > 1 else None,
    }


def accuracy_of(seed, classes, training, held_out):
    """Trains with one seed; the share of `held_out` that is then right."""
    torch.manual_seed(seed)
    normalised = normaliser(training[0])
    workers = {"num_workers": args.threads, "persistent_workers": True}
    loader = DataLoader(Augmented(*training), args.batch_size, shuffle=True, **workers)
    model = Cnn(classes, args.dropout, args.batch_norm).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        model.parameters(), args.learning_rate, weight_decay=args.weight_decay, fused=True
    )
    steps = args.epochs * len(loader)

    def pace(step):
        warm_up = (step + 1) / (2 * len(loader))
        return min(warm_up, 0.5 * (1 + math.cos(math.pi * step / steps)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, pace)
    for epoch in range(args.epochs):
        started, total = time.perf_counter(), 0.0
        model.train()
        for x, y in loader:
            loss = F.cross_entropy(model(normalised(x)), y, label_smoothing=args.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(y)
        if args.validate and (epoch + 1) % 5 == 0:
            right, loss_there = evaluated(model, normalised, held_out)
            line = f"seed {seed}, epoch {epoch + 1}, {time.perf_counter() - started:.1f} s: "
            line += f"loss {total / len(training[1]):.3f}, there {loss_there:.3f}, {right:.2%}"
            print(line, file=sys.stderr)
    return evaluated(model, normalised, held_out)[0]


def evaluated(model, normalised, part):
    """The share of a part that the model gets right, and its loss there."""
    model.eval()
    with torch.inference_mode():
        logits = torch.cat([model(normalised(x)) for x in part[0].split(500)])
        right = (logits.argmax(1) == part[1]).float().mean()
        return right.item(), F.cross_entropy(logits, part[1]).item()


result = {
    "framework": "PyTorch compile" if getattr(args, "compile", False) else "PyTorch",
    "version": f"{torch.__version__} with torchvision {torchvision.__version__}",
    "threads": args.threads,
    **{"decode": decode, "train": train, "accuracy": accuracy}[args.command](),
}
if args.json:
    print(json.dumps(result))
else:
    for key, value in result.items():
        print(f"{key}: {value}")
