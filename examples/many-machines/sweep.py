"""Trains over recipes and seeds on many machines by Dask: each run is a process and a folder of its own.

    python sweep.py runs --recipes standard best --seeds 5 --model cnn --samples 10000

Flags that are not its own are those of fmnist train. Without --scheduler two workers on this machine share the runs;
with it the folder must be one that all machines see, and fmnist installed on each. A run whose worker dies goes on
elsewhere from its last checkpoint; what is done is left as it is, so that the same command goes on after anything.
"""

import argparse
import subprocess
from pathlib import Path

from dask.distributed import Client, as_completed


def train(folder, recipe, seed, flags):
    """Trains until the run in `folder` is done."""
    how = ["--out", folder, "--recipe", recipe, "--seed", str(seed), *flags]
    if (folder / "config.json").exists():
        how = ["--resume", folder]
    subprocess.run(["fmnist", "train", "--quiet", *how], check=True)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("out", type=Path, help="folder of the runs' folders")
    parser.add_argument("--recipes", nargs="+", default=["standard"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--scheduler", help="address of a Dask scheduler")
    args, flags = parser.parse_known_args()

    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    # A worker is a process with a run at a time: fmnist itself uses all cores that it is given.
    workers = {"address": args.scheduler} if args.scheduler else {"n_workers": 2, "threads_per_worker": 1}
    with Client(**workers) as client:
        runs = [
            client.submit(train, out / f"{recipe}-{seed}", recipe, seed, flags, retries=3, pure=False)
            for recipe in args.recipes
            for seed in range(args.seeds)
        ]
        folders = [folder for _, folder in as_completed(runs, with_results=True)]
    subprocess.run(["fmnist", "report", *sorted(folders), "--out", out / "report.html"], check=True)


if __name__ == "__main__":
    main()
