#!/usr/bin/env python3
"""Runs examples/many-machines: Dask with two workers on this machine, and the tasks of the Slurm array one by one.

    FMNIST_DATA_DIR=… tests/.venv/bin/python tests/check_sweep.py target/release/fmnist

Every run must end with the bits of the same run by hand: one that was killed before, and one whose worker is killed,
too. Needs the package `distributed`.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "many-machines"
DATA = Path(os.environ["FMNIST_DATA_DIR"]).resolve()
# A folder that is named is named again when a run goes on.
FLAGS = [*"--backend cpu --model dense --hidden 8 --samples 2000 --epochs 6 --batch-size 32".split(), "--data-dir", DATA]


def weights(folder):
    return (folder / "dense" / "model.ckpt").read_bytes()


def wait_for(what, is_there, seconds=120):
    end = time.monotonic() + seconds
    while not (found := is_there()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)
    return found


def main():
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "bin").mkdir()
        (folder / "bin" / "fmnist").symlink_to(program)
        environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder)}

        def fmnist(*words, **more):
            return subprocess.Popen(["fmnist", "train", "--quiet", *words], env=environment, cwd=folder,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)

        def by_hand(recipe, seed):
            out = folder / f"by-hand-{recipe}-{seed}"
            if not out.exists():
                assert fmnist("--out", out, "--recipe", recipe, "--seed", str(seed), *FLAGS).wait() == 0
            return weights(out)

        # One was begun before and killed.
        runs = folder / "runs"
        runs.mkdir()
        begun = fmnist("--out", runs / "plain-1", "--recipe", "plain", "--seed", "1", *FLAGS,
                       "--checkpoint-minutes", "0.0001")
        wait_for("a checkpoint", (runs / "plain-1" / "dense" / "last.ckpt").exists)
        begun.send_signal(signal.SIGKILL)
        begun.wait()
        assert not (runs / "plain-1" / "summary.json").exists()

        sweep = [sys.executable, str(EXAMPLES / "sweep.py"), str(runs), "--recipes", "plain", "best", "--seeds", "2"]
        work = subprocess.Popen([*sweep, *FLAGS], env=environment, cwd=folder)

        def worker():
            """The parent of a training."""
            for process in psutil.Process(work.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if process.name() == "fmnist":
                        return process.parent()

        wait_for("a worker at work", worker).kill()
        assert work.wait(timeout=600) == 0
        for recipe in ["plain", "best"]:
            for seed in range(2):
                assert weights(runs / f"{recipe}-{seed}") == by_hand(recipe, seed), (recipe, seed)
        report = (runs / "report.html").read_text()
        assert all(name in report for name in ["plain-0", "plain-1", "best-0", "best-1"])

        # What cannot be done keeps nothing else from its end.
        again = [*sweep[:-4], "plain", "nonesuch", "--seeds", "1", *FLAGS]
        assert subprocess.run(again, env=environment, cwd=folder).returncode == 1

        # Again, there is nothing left to do.
        results = [*runs.glob("*/summary.json"), *runs.glob("*/dense/model.ckpt")]
        before = {path: path.stat().st_mtime_ns for path in results}
        assert subprocess.run([*sweep, *FLAGS], env=environment, cwd=folder).returncode == 0
        assert before == {path: path.stat().st_mtime_ns for path in before}

        for task in range(3):
            array = {**environment, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_CPUS_PER_TASK": "1"}
            array_folder = folder / "slurm"
            array_folder.mkdir(exist_ok=True)
            for _ in range(2):  # the second time goes on with what is done
                words = ["bash", str(EXAMPLES / "sweep.sbatch"), *FLAGS]
                assert subprocess.run(words, env=array, cwd=array_folder, stdout=subprocess.DEVNULL).returncode == 0
        for name in ["standard-0", "best-0", "standard-1"]:
            recipe, seed = name.split("-")
            assert weights(array_folder / "runs" / name) == by_hand(recipe, seed), name
    print("runs by Dask and by a Slurm array's tasks end as those by hand, a killed worker's and a killed one's too")


if __name__ == "__main__":
    main()
