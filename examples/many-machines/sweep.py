"""Trains over recipes and seeds on many machines by Dask: each run is a process and a folder of its own.

    python sweep.py runs --recipes standard best --seeds 5 --model cnn --samples 10000

Flags that are not its own are those of fmnist train. Without --scheduler two workers on this machine share the runs;
with it the folder must be one that all machines see, fmnist installed on each, and each worker be one that does a task
at a time (`dask worker --nthreads 1 ADDRESS`): fmnist itself uses all cores that it is given. A run whose worker dies
goes on elsewhere from its last checkpoint; what is done is left as it is, so that the same command goes on after
anything.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

from dask.distributed import Client, wait


def train(folder, recipe, seed, flags):
    """Trains until the run in `folder` is done."""
    place = "--resume" if (folder / "config.json").exists() else "--out"
    # Interrupted when its worker dies, it saves and leaves the folder to the next one.
    bound = ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []
    words = ["fmnist", "train", "--quiet", place, folder, "--recipe", recipe, "--seed", str(seed), *flags]
    if subprocess.run([*bound, *words]).returncode:
        # Whoever had the folder before may need a moment.
        time.sleep(5)
        raise RuntimeError(f"{folder} is not done")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("out", type=Path, help="folder of the runs' folders")
    parser.add_argument("--recipes", nargs="+", default=["standard"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--scheduler", help="address of a Dask scheduler")
    args, flags = parser.parse_known_args()

    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    workers = {"address": args.scheduler} if args.scheduler else {"n_workers": 2, "threads_per_worker": 1}
    with Client(**workers) as client:
        runs = {
            out / f"{recipe}-{seed}": client.submit(
                train, out / f"{recipe}-{seed}", recipe, seed, flags, retries=3, pure=False
            )
            for recipe in args.recipes
            for seed in range(args.seeds)
        }
        wait(list(runs.values()))
        done = [folder for folder, run in runs.items() if run.status == "finished"]
    if done:
        subprocess.run(["fmnist", "report", *done, "--out", out / "report.html"], check=True)
    for folder in runs.keys() - set(done):
        print(f"{folder} is not done: see above", file=sys.stderr)
    return 0 if len(done) == len(runs) else 1


if __name__ == "__main__":
    sys.exit(main())
