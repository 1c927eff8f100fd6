"""What the peers share: the command line, the data, the clocks and the line of JSON."""

import argparse
import ctypes
import gzip
import json
import os
import resource
import statistics
import time
from pathlib import Path

BATCH = 128
LEARNING_RATE = 1e-3
VALIDATION_IMAGES = 5_000
EVALUATION_BATCHES = (125, 500, 2_000)
SEED = 0


def arguments(description, extra=None):
    """Parses the command line and confines the process to `--threads` CPUs.

    Call it before a framework is imported: thread pools take their size from what they see then.
    `extra` may add the framework's own flags to the parser.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", choices=("dense", "cnn"), default="cnn")
    parser.add_argument("--epochs", type=int, default=3, help="first one included, at least 2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=os.environ.get("FMNIST_DATA_DIR"),
        help="folder of the four IDX files [default: $FMNIST_DATA_DIR]",
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON and nothing else")
    if extra:
        extra(parser)
    args = parser.parse_args()
    if args.data_dir is None:
        parser.error("--data-dir or FMNIST_DATA_DIR must name the folder of the four IDX files")
    if args.epochs < 2:
        parser.error("--epochs must be at least 2: the first is a warm-up")
    confine(args.threads)
    return args


def confine(threads):
    """Lets this process and its children run on `threads` of its CPUs only, with as many threads."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["OMP_NUM_THREADS"] = str(threads)


def keep_memory():
    """Makes glibc keep large blocks that are freed.

    By itself it gives them back to the system, and the next step faults them in again. PyTorch's
    tuning guide preloads another allocator for this; these two settings do the same.
    """
    trim_threshold, mmap_threshold = -1, -3
    libc = ctypes.CDLL(None)
    libc.mallopt(mmap_threshold, 32 << 20)
    libc.mallopt(trim_threshold, 1 << 30)


def load(folder):
    """(training images, labels), (test images, labels): float32 in [0, 1], NHWC; int32.

    The training set's last images are held out for validation, so they are left out here.
    """
    import numpy as np

    def read(name, header):
        path = Path(folder) / name
        if path.exists():
            raw = path.read_bytes()
        else:
            raw = gzip.decompress(path.with_name(f"{name}.gz").read_bytes())
        return np.frombuffer(raw, np.uint8, offset=header)

    def split(name, end=None):
        images = read(f"{name}-images-idx3-ubyte", 16).reshape(-1, 28, 28, 1)[:end]
        labels = read(f"{name}-labels-idx1-ubyte", 8)[:end]
        return images.astype(np.float32) / np.float32(255), labels.astype(np.int32)

    return split("train", -VALIDATION_IMAGES), split("t10k")


def seconds_since_process_start():
    """Wall time since the kernel started this process, to its clock tick of 10 ms."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def peak_rss_mib():
    """The most memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fastest_evaluation(evaluate):
    """Runs `evaluate(batch)` → accuracy with several batch sizes.

    Returns the smallest median of three, in seconds, its batch size and the accuracy.
    """
    best = (float("inf"), 0, 0.0)
    for batch in EVALUATION_BATCHES:
        evaluate(batch)
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            accuracy = evaluate(batch)
            seconds.append(time.perf_counter() - started)
        best = min(best, (statistics.median(seconds), batch, accuracy))
    return best


def report(args, framework, version, first_batch_seconds, epoch_seconds, peak, evaluation):
    """Prints the result."""
    evaluation_seconds, evaluation_batch, accuracy = evaluation
    result = {
        "framework": framework,
        "version": version,
        "model": args.model,
        "threads": args.threads,
        "first_epoch_seconds": round(epoch_seconds[0], 4),
        "seconds_per_epoch": [round(seconds, 4) for seconds in epoch_seconds[1:]],
        "first_batch_seconds": round(first_batch_seconds, 3),
        "evaluation_seconds": round(evaluation_seconds, 4),
        "evaluation_batch": evaluation_batch,
        "peak_rss_mib": round(peak),
        "test_accuracy": round(accuracy, 4),
    }
    if args.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f"{key}: {value}")
