#!/usr/bin/env python3
"""Computes evaluations again with scikit-learn, statsmodels and NumPy, and compares.

    cargo test --release --test report && tests/check_evaluation.py target/tmp/evaluations.json

The file that the test leaves is `{"cases": [{"name", "labels", "probabilities": {model: rows},
"evaluation", "largest_class", "balanced_accuracy": {model: value}}]}`, the last two as in
`summary.json`. The folder of a run can be named instead. Needs the packages `scikit-learn` and
`statsmodels`.
"""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
)
from statsmodels.stats.contingency_tables import mcnemar

BINS = 15


def close(ours, theirs, what):
    assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-12), f"{what}: {ours}, not {theirs}"


def answers(rows):
    """The first of the largest probabilities; NaN counts as none."""
    return np.where(np.isnan(rows), -1, rows).argmax(axis=1)


def calibration(labels, rows):
    """Guo et al. 2017, by the borders of the bins."""
    confidence = np.nan_to_num(rows.max(axis=1)).astype(np.float64)
    right = answers(rows) == labels
    borders = np.linspace(0, 1, BINS + 1)
    # Open below and closed above.
    places = np.clip(np.digitize(confidence, borders, right=True) - 1, 0, BINS - 1)
    bins, error = [], 0.0
    for place in range(BINS):
        inside = places == place
        count = int(inside.sum())
        sure, good = (confidence[inside].mean(), right[inside].mean()) if count else (0.0, 0.0)
        bins.append((count, sure, good))
        error += count / len(labels) * abs(sure - good)
    return confidence.mean(), error, bins


def check_model(ours, labels, rows, what):
    predicted = answers(rows)
    close(ours["accuracy"], accuracy_score(labels, predicted), f"{what}, accuracy")
    assert ours["confusion"] == confusion_matrix(labels, predicted, labels=range(rows.shape[1])).tolist(), what

    theirs = precision_recall_fscore_support(labels, predicted, labels=range(rows.shape[1]), zero_division=0)
    for name, values in zip(["precision", "recall", "f1", "support"], theirs):
        close([of_class[name] for of_class in ours["classes"]], values, f"{what}, {name}")
    # Of the classes that occur, as by default.
    theirs = precision_recall_fscore_support(labels, predicted, zero_division=0, average="macro")
    for name, value in zip(["precision", "recall", "f1"], theirs):
        close(ours["macro_average"][name], value, f"{what}, macro {name}")

    two = np.argsort(-np.nan_to_num(rows, nan=-1), axis=1, kind="stable")[:, :2]
    close(ours["top2_accuracy"], (two == labels[:, None]).any(axis=1).mean(), f"{what}, top 2")

    confidence, error, bins = calibration(labels, rows)
    close(ours["calibration"]["mean_confidence"], confidence, f"{what}, mean confidence")
    close(ours["calibration"]["expected_error"], error, f"{what}, expected calibration error")
    for place, (bin, theirs) in enumerate(zip(ours["calibration"]["bins"], bins, strict=True)):
        values = (bin["images"], bin["mean_confidence"], bin["accuracy"])
        close(values, theirs, f"{what}, bin {place}")


def check_comparison(ours, labels, first, second, what):
    first, second = answers(first) == labels, answers(second) == labels
    table = [
        [int((first & second).sum()), int((first & ~second).sum())],
        [int((~first & second).sum()), int((~first & ~second).sum())],
    ]
    only = [np.flatnonzero(first & ~second).tolist(), np.flatnonzero(~first & second).tolist()]
    assert ours["only_right"] == only, what
    assert [ours["both_right"], ours["both_wrong"]] == [table[0][0], table[1][1]], what
    p_value = 1.0 if only == [[], []] else mcnemar(table, exact=True).pvalue
    close(ours["p_value"], p_value, f"{what}, McNemar")


def check_balance(case, labels, rows):
    """Told if classes have different numbers of images, and only then."""
    what, class_names = case["name"], case["evaluation"]["class_names"]
    counts = np.bincount(labels, minlength=len(class_names))
    if len(set(counts.tolist())) == 1:
        assert case["largest_class"] is None, what
        return
    largest = case["largest_class"]
    assert largest["name"] == class_names[counts.argmax()], what
    close(largest["share"], counts.max() / len(labels), f"{what}, largest class")
    assert case["balanced_accuracy"].keys() == rows.keys(), what
    for model, ours in case["balanced_accuracy"].items():
        theirs = balanced_accuracy_score(labels, answers(rows[model]))
        close(ours, theirs, f"{what}, {model}, balanced accuracy")


def check(case):
    what, ours = case["name"], case["evaluation"]
    labels = np.array(case["labels"])
    # As the program holds them: in single precision.
    rows = {
        model: np.array(values, dtype=np.float32)
        for model, values in case["probabilities"].items()
    }
    assert ours["images"] == len(labels), what
    names = [model["model"] for model in ours["models"]]
    assert sorted(names) == sorted(rows), what
    for model in ours["models"]:
        check_model(model, labels, rows[model["model"]], f"{what}, {model['model']}")
    check_balance(case, labels, rows)
    line = f"{what}: {len(labels)} images, accuracy "
    line += ", ".join(f"{model['accuracy']:.4f}" for model in ours["models"])
    if len(names) == 2:
        assert ours["comparison"]["models"] == names, what
        check_comparison(ours["comparison"], labels, *(rows[name] for name in names), what)
        line += f", p = {ours['comparison']['p_value']:.4g}"
    else:
        assert ours["comparison"] is None, what
    print(line)


def cases_of(path):
    if path.is_file():
        return json.loads(path.read_text())["cases"]
    evaluation = json.loads((path / "evaluation.json").read_text())
    labels = gzip.decompress((path / "test-labels.gz").read_bytes())
    models = [model["model"] for model in evaluation["models"]]
    summary = json.loads((path / "summary.json").read_text())
    case = {
        "name": path.name,
        "labels": np.frombuffer(labels, dtype=np.uint8, offset=8),
        "probabilities": {model: np.load(path / model / "probabilities.npy") for model in models},
        "evaluation": evaluation,
        "largest_class": summary.get("largest_class"),
        "balanced_accuracy": {
            model: of_model["balanced_accuracy"]
            for model, of_model in summary["models"].items()
            if "balanced_accuracy" in of_model
        },
    }
    return [case]


def main():
    cases = [case for path in sys.argv[1:] for case in cases_of(Path(path))]
    for case in cases:
        check(case)
    print(f"{len(cases)} evaluations are as scikit-learn, statsmodels and NumPy compute them")


if __name__ == "__main__":
    main()
