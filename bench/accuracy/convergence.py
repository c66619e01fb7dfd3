#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Draws what the convex check prints: errors that fall geometrically, and floors that shrink with the step.

    build/default/tests/test_split --success --test-case="*errors fall*" | python3 convergence.py --svg convergence.svg

Needs nothing but Python.
"""
import argparse
import math
import re
import sys

COLORS = {"slow side": "#0b6bcb", "fast side": "#c4501b"}
MARKS = {"slow side": "", "fast side": ' stroke-dasharray="6 4"'}
WIDTH, HEIGHT, TOP, BOTTOM = 720, 320, 34, 44


def panel(left, right, title, x_label, runs, x_ticks, x_place):
    """`runs` maps a name to points (x, error); errors on a logarithmic axis."""
    errors = [error for points in runs.values() for _, error in points]
    low, high = math.floor(math.log10(min(errors))), math.ceil(math.log10(max(errors)))

    def place(x, error):
        y = TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log10(error)) / (high - low)
        return left + (right - left) * x_place(x), y

    parts = [f'<text x="{left}" y="{TOP - 14}" font-weight="bold">{title}</text>']
    for exponent in range(low, high + 1, 1 if high - low < 6 else 2):
        y = place(x_ticks[0], 10.0 ** exponent)[1]
        parts.append(f'<path d="M{left},{y:.1f}H{right}" stroke="#dddddd"/>'
                     f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">1e{exponent}</text>')
    for x in x_ticks:
        parts.append(f'<text x="{place(x, 1)[0]:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:g}</text>')
    parts.append(f'<text x="{(left + right) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{x_label}</text>')
    for name, points in runs.items():
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{COLORS[name]}" stroke-width="2.5"{MARKS[name]}/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{COLORS[name]}"/>' for x, y in
                  (place(*point) for point in points)]
    return parts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--svg", required=True, help="write the picture there")
    given = parser.parse_args()
    output = sys.stdin.read()
    number = r"([-+.\de]+)"

    def found(pattern):
        rows = [tuple(float(value) for value in row) for row in re.findall(pattern, output)]
        if not rows:
            sys.exit("nothing to draw: is the input the test's output, with --success?")
        return {"slow side": [(x, slow) for x, slow, _ in rows], "fast side": [(x, fast) for x, _, fast in rows]}

    falling = found(rf"after (\d+) updates: slow {number}, fast {number}")
    floors = found(rf"step {number}: floor of the slow side {number}, of the fast side {number}")
    updates = [x for x, _ in falling["slow side"]]
    steps = sorted(x for x, _ in floors["slow side"])
    picture = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
               f'font-size="13"><title>Squared distance from the optimum</title>'
               f'<rect width="100%" height="100%" fill="#ffffff"/>']
    picture += panel(52, 380, "Without noise", "updates", falling, updates,
                     lambda x: (x - updates[0]) / (updates[-1] - updates[0]))
    picture += panel(470, 690, "With noise: the floor", "step", floors, steps,
                     lambda x: math.log(x / steps[0]) / math.log(steps[-1] / steps[0]))
    for place, (name, color) in enumerate(COLORS.items()):
        picture.append(f'<text x="290" y="{TOP + 22 + 20 * place}" fill="{color}">{name}</text>')
    with open(given.svg, "w", encoding="utf-8") as out:
        out.write("\n".join(picture) + "\n</svg>\n")


if __name__ == "__main__":
    main()
