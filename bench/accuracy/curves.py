#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Compares accuracy curves: a table of means over seeds in Markdown, and a picture.

    python3 curves.py --svg accuracy.svg comdml=OUT1/metrics.jsonl,OUT2/metrics.jsonl pytorch=pytorch-1.jsonl,pytorch-2.jsonl

Each file holds one JSON object per line with "round" and "test_accuracy", as comdml's metrics.jsonl and
train_pytorch.py's output do. Needs nothing but Python.
"""
import argparse
import json
import statistics

COLORS = ["#0b6bcb", "#c4501b", "#3d7d2d", "#7a3ea8"]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 48, 110, 16, 40


def read_curve(file):
    """Accuracies in percent, by round from 1."""
    with open(file, encoding="utf-8") as lines:
        rounds = [json.loads(line) for line in lines if line.strip()]
    return [100 * one["test_accuracy"] for one in rounds]


def draw(curves, epochs):
    low = 10 * int(min(min(run) for runs in curves.values() for run in runs) // 10)

    def place(epoch, accuracy):
        x = LEFT + (WIDTH - LEFT - RIGHT) * (epoch - 1) / max(epochs - 1, 1)
        y = TOP + (HEIGHT - TOP - BOTTOM) * (100 - accuracy) / (100 - low)
        return f"{x:.1f},{y:.1f}"

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
             f'font-size="13"><title>Test accuracy by epoch</title><rect width="100%" height="100%" fill="#ffffff"/>']
    for accuracy in range(low, 101, 10):
        x, y = place(1, accuracy).split(",")
        parts.append(f'<path d="M{x},{y}H{WIDTH - RIGHT}" stroke="#dddddd"/>'
                     f'<text x="{LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{accuracy} %</text>')
    for epoch in range(1, epochs + 1):
        x = place(epoch, low).split(",")[0]
        parts.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{epoch}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}" text-anchor="middle">epoch</text>')
    for number, ((name, runs), color) in enumerate(zip(curves.items(), COLORS)):
        for run in runs:
            points = " ".join(place(epoch, value) for epoch, value in enumerate(run[:epochs], 1))
            parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-opacity="0.35"/>')
        means = [statistics.mean(run[epoch] for run in runs) for epoch in range(epochs)]
        points = " ".join(place(epoch, value) for epoch, value in enumerate(means, 1))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{TOP + 40 + 20 * number}" fill="{color}">{name}</text>')
    return "".join(parts) + "</svg>\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", nargs="+", metavar="NAME=FILE[,FILE...]")
    parser.add_argument("--svg", help="write the picture there")
    given = parser.parse_args()
    curves = {}
    for text in given.curves:
        name, _, files = text.partition("=")
        curves[name] = [read_curve(file) for file in files.split(",")]
    epochs = min(len(run) for runs in curves.values() for run in runs)
    print("| epoch | " + " | ".join(f"{name}, mean of {len(runs)} (range)" for name, runs in curves.items()) + " |")
    print("|---|" + "---|" * len(curves))
    for epoch in range(epochs):
        cells = []
        for runs in curves.values():
            values = [run[epoch] for run in runs]
            cells.append(f"{statistics.mean(values):.1f} % ({min(values):.1f} .. {max(values):.1f})")
        print(f"| {epoch + 1} | " + " | ".join(cells) + " |")
    if given.svg:
        with open(given.svg, "w", encoding="utf-8") as out:
            out.write(draw(curves, epochs))


if __name__ == "__main__":
    main()
