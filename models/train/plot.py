"""Loss curves of several runs as one SVG.

  python3 plot.py --out loss.svg transformer=RUN1/loss.csv mamba=RUN2/loss.csv

Strong: the mean of the held-out losses; thin: the running mean of the training loss.
"""
import argparse
import csv
import math

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, LEGEND = 640, 360, 56, 34, 40, 170
COLOURS = ("#b3261e", "#1c6e4a", "#1f5fa8", "#8a4fbe", "#c07a00", "#00798c", "#7a5c3e", "#4b5563")


def read(path):
    """[(tokens, training loss, held-out loss or None)] of a loss.csv."""
    points = []
    with open(path, newline="") as f:
        for line in csv.reader(f):
            if line[0] != "minutes":
                held = [float(v) for v in line[4:] if v]
                points.append((int(line[2]), float(line[3]), sum(held) / len(held) if held else None))
    return points


def steps(low, high, most=8):
    """Round numbers between low and high, `most` of them at most."""
    size = 10 ** math.floor(math.log10((high - low) / most))
    size *= next(m for m in (1, 2, 5, 10) if (high - low) / (size * m) <= most)
    return [size * i for i in range(math.ceil(low / size), math.floor(high / size) + 1)]


def plot(runs):
    """runs: name -> points; returns the SVG."""
    tokens = [p[0] for points in runs.values() for p in points]
    losses = sorted(v for points in runs.values() for p in points for v in p[1:] if v is not None)
    first, last = 0, max(tokens)
    low, high = losses[0], losses[-1]
    low, high = low - 0.05 * (high - low), high + 0.01

    def x(n):
        return LEFT + (n - first) / (last - first) * (WIDTH - LEFT - 16)

    def y(v):
        return HEIGHT - BOTTOM - (v - low) / (high - low) * (HEIGHT - BOTTOM - TOP)

    def path(points, colour, width):
        at = "L".join(f"{x(n):.1f} {y(v):.1f}" for n, v in points)
        return f'<path d="M{at}" fill="none" stroke="{colour}" stroke-width="{width}"/>' if at else ""

    title = "loss, nats per token (strong: held out)"
    out = [f'<text x="{LEFT}" y="18" class="title">{title}</text>']
    for v in steps(low, high):
        out.append(f'<path d="M{LEFT} {y(v):.1f}H{WIDTH - 16}" class="grid"/>'
                   f'<text x="{LEFT - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{v:.4g}</text>')
    for n in steps(first, last):
        out.append(f'<text x="{x(n):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
                   f'{n / 1e6:.4g}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - 16) / 2:.0f}" y="{HEIGHT - 6}" text-anchor="middle">'
               'million tokens read</text>')
    for i, (name, points) in enumerate(runs.items()):
        colour, line = COLOURS[i % len(COLOURS)], TOP + 20 * i
        out.append(path([(n, v) for n, v, _ in points], colour, 0.7))
        out.append(path([(n, v) for n, _, v in points if v is not None], colour, 2))
        out.append(f'<path d="M{WIDTH} {line}h18" stroke="{colour}" stroke-width="2"/>'
                   f'<text x="{WIDTH + 24}" y="{line + 4}">{name}</text>')
    wide, body = WIDTH + LEGEND, "\n".join(out)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {HEIGHT}" width="{wide}" \
height="{HEIGHT}" role="img" aria-label="Loss over the tokens read, by member">
<style>text{{font:12px system-ui,sans-serif;fill:#333}}.title{{font-weight:600}}.grid{{stroke:#ddd}}</style>
<rect width="{wide}" height="{HEIGHT}" fill="#fff"/>
{body}
</svg>
"""


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--out", required=True, help="SVG file to write")
    args.add_argument("runs", nargs="+", metavar="NAME=loss.csv")
    args = args.parse_args()
    svg = plot({name: read(path) for name, path in (run.split("=", 1) for run in args.runs)})
    with open(args.out, "w", encoding="utf-8") as f:
        f.write(svg)


if __name__ == "__main__":
    main()
