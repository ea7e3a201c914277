"""Draws what was recorded: labels stand at the lines, colours differ for the colour-blind too."""

from collections import defaultdict

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

# Okabe and Ito's palette.
OURS, FLACARRAY, GREY = "#D55E00", "#0072B2", "#5A5A5A"
OTHERS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31", "#5A5A5A", "#999999")

plt.rcParams |= {
    "svg.fonttype": "none",
    "svg.hashsalt": "h5flac",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
}


def save(figure, path):
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def plain(axis, ticks=None):
    """Numbers as people write them on a logarithmic axis."""
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.10g}"))
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    if ticks is not None:
        axis.set_ticks(ticks)
    axis.set_minor_locator(NullLocator())


def colour(codec):
    if codec.startswith("h5flac"):
        return OURS
    return FLACARRAY if codec.startswith("flacarray") else GREY


def label_lines(axes, places):
    """Writes (text, x, y, colour) right of the lines' ends, in their order, one above the other."""
    axes.figure.draw_without_rendering()
    unit = axes.figure.dpi / 72
    lowest = -np.inf
    for text, *at, ink in sorted(places, key=lambda place: place[2]):
        y = axes.transData.transform(at)[1]
        lowest = max(y, lowest + 12.5 * unit)
        write(axes, text, at, ink, "left", (lowest - y) / unit)


def label_points(axes, places):
    """Writes (text, x, y, colour) beside points, where it covers the least."""
    axes.figure.draw_without_rendering()
    unit = axes.figure.dpi / 72
    points = {place: axes.transData.transform(place[1:3]) for place in places}
    taken = [(x - 4 * unit, x + 4 * unit, y, 8 * unit) for x, y in points.values()]
    edge = axes.bbox.x0
    for place in sorted(places, key=lambda place: place[2]):
        text, *at, ink = place
        x, y = points[place]
        width, height = 6 * unit * len(text), 12.5 * unit
        found = []
        for side in ("left", "right"):
            left = x + 7 * unit if side == "left" else x - 7 * unit - width
            for lift in range(-6, 7):
                box = (left, left + width, y + lift * height / 2, height)
                # Half a line of distance is as bad as a tenth of a label covered.
                cost = sum(covered(box, other) for other in taken) / (width * height)
                cost += 0.1 * abs(lift) + 0.05 * (side == "right") + (left < edge)
                found.append((cost, box, side, lift))
        _, box, side, lift = min(found)
        taken.append(box)
        write(axes, text, at, ink, side, lift * 6.25)


def write(axes, text, at, ink, side, lift):
    """Writes beside a point, lifted by so many points; side: the text's alignment."""
    axes.annotate(
        text, at, xytext=(7 if side == "left" else -7, lift - 3.5), textcoords="offset points",
        color=ink, fontsize=10, ha=side, annotation_clip=False,
    )  # fmt: skip


def covered(box, other):
    """Area that two boxes (left, right, middle, height) share."""
    width = min(box[1], other[1]) - max(box[0], other[0])
    height = (box[3] + other[3]) / 2 - abs(box[2] - other[2])
    return max(width, 0) * max(height, 0)


def geometric_means(rows, column):
    values = defaultdict(list)
    for row in rows:
        values[row["codec"]].append(float(row[column]))
    return {codec: float(np.exp(np.mean(np.log(v)))) for codec, v in values.items()}


def speed(rows, panels, path):
    """Speed against ratio, a row of pictures for each (title, group, type, sets)."""
    figure, grid = plt.subplots(
        len(panels), 2, figsize=(13, 5.6 * len(panels)), layout="constrained", squeeze=False
    )
    for (title, chosen), pair in zip(panels, grid, strict=True):
        rows_here = [row for row in rows if row["threads"] == "1" and chosen(row)]
        bits = geometric_means(rows_here, "bits per sample")
        raw = 64 if any("float64" in row["set"] for row in rows_here) else 32
        failed = {row["codec"] for row in rows_here if row["within bound"] != "yes"}
        for axes, what in zip(pair, ("encode", "decode"), strict=True):
            speeds = geometric_means(rows_here, f"{what} MB/s")
            axes.set_xscale("log")
            axes.set_yscale("log")
            draw_codecs(axes, {c: (raw / bits[c], speeds[c]) for c in bits}, failed)
            plain(axes.xaxis, [t for t in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if in_view(axes, t)])
            plain(axes.yaxis)
            axes.set_xlabel("times smaller than raw  (better →)")
            axes.set_ylabel(f"{what}, MB/s of samples  (better ↑)")
            axes.set_title(f"{title}: {what}", loc="left")
    save(figure, path)


def in_view(axes, tick):
    low, high = axes.get_xlim()
    return low <= tick <= high


def draw_codecs(axes, points, failed):
    for family, ink in (("h5flac", OURS), ("flacarray", FLACARRAY)):
        members = [points[codec] for codec in points if codec.startswith(family)]
        axes.plot(*zip(*members, strict=True), color=ink, lw=2, zorder=2)
    for codec, (x, y) in points.items():
        hollow = "white" if codec in failed else colour(codec)
        axes.plot(x, y, "o", ms=7, mec=colour(codec), mfc=hollow, zorder=3)
    # Room for labels on both sides.
    low, high = axes.get_xlim()
    axes.set_xlim(low / (high / low) ** 0.1, high * (high / low) ** 0.35)
    label_points(
        axes,
        [
            (codec.replace("quantize, ", "q. ") + " ✗" * (codec in failed), x, y, colour(codec))
            for codec, (x, y) in points.items()
        ],
    )


def entropy(rows, path):
    """Bits per sample above the entropy, and themselves, against the fineness of the steps."""
    lines = defaultdict(list)
    for row in rows:
        lines[row["codec"]].append((float(row["sigma / quanta"]), float(row["bits per sample"])))
    shown = {
        "h5flac 5": OURS,
        "flacarray 5": FLACARRAY,
        "SZ3": OTHERS[0],
        "ZFP": OTHERS[1],
        "quantize, pcodec 8": OTHERS[2],
        "quantize, bitshuffle + Zstd": OTHERS[3],
        "quantize, bitshuffle + LZ4": OTHERS[4],
        "quantize, gzip 4 + shuffle": OTHERS[5],
    }
    figure, (whole, above) = plt.subplots(1, 2, figsize=(13, 5.6), layout="constrained")
    line = np.array(lines["Gaussian entropy"])
    whole.plot(*line.T, color="0.75", lw=6, solid_capstyle="round", zorder=1)
    places = {whole: [], above: []}
    for codec, ink in shown.items():
        points = np.array(lines[codec])
        for axes, values in ((whole, points[:, 1]), (above, points[:, 1] - line[:, 1])):
            axes.plot(points[:, 0], values, color=ink, lw=1.8, marker="o", ms=3.5)
            places[axes].append((codec, points[-1, 0], values[-1], ink))
    places[whole].append(("Gaussian entropy", line[-1, 0], line[-1, 1], "0.45"))
    whole.set_ylabel("bits per sample")
    above.set_ylabel("bits per sample above the entropy")
    above.set_ylim(0, 5)
    for axes, labels in places.items():
        axes.set_xscale("log", base=2)
        plain(axes.xaxis, [1, 4, 16, 64, 256, 1024, 4096])
        axes.set_xlim(0.8, 4096 * 40)
        axes.set_xlabel("sigma of white noise / quanta")
        label_lines(axes, [place for place in labels if place[2] < axes.get_ylim()[1]])
    save(figure, path)


def scaling(threads, chunks, lengths, path):
    """Speed over threads, over chunk size, over stream length; encode above decode."""
    figure, grid = plt.subplots(2, 3, figsize=(15, 9), layout="constrained")
    for axes_row, what in zip(grid, ("encode", "decode"), strict=True):
        column = f"{what} MB/s"
        draw_threads(axes_row[0], threads, column)
        draw_series(axes_row[1], chunks, "chunk bytes", column, 1 / 1024)
        axes_row[1].set_xlabel("chunk, KiB")
        axes_row[1].set_title("one long stream, through HDF5", loc="left")
        draw_series(axes_row[2], lengths, "length", column, 1)
        axes_row[2].set_xlabel("samples in a stream")
        axes_row[2].set_title("chunk of 12 MB, core library", loc="left")
        for axes in axes_row:
            axes.set_ylabel(f"{what}, MB/s of samples")
    save(figure, path)


def draw_threads(axes, rows, column):
    places, styles = [], {}
    for row in rows:
        styles.setdefault(row["shape"], []).append((int(row["threads"]), float(row[column])))
    for (shape, points), ink in zip(styles.items(), (OURS, FLACARRAY, OTHERS[0]), strict=False):
        first = points[0][1]
        values = [(n, value / first) for n, value in points]
        axes.plot(*zip(*values, strict=True), color=ink, marker="o")
        places.append((f"{shape}: {first:.0f} → {points[-1][1]:.0f} MB/s", *values[-1], ink))
    most = max(n for points in styles.values() for n, _ in points)
    axes.plot([1, most], [1, most], color="0.75", lw=5, zorder=1)
    axes.set_xticks(range(1, most + 1))
    axes.set_xlim(0.9, 1 + (most - 1) * 2.1 + 0.2)
    axes.set_ylim(0, most * 1.15)
    axes.set_xlabel("threads (grey: as many times as fast)")
    axes.set_title("core library, times one thread", loc="left")
    label_lines(axes, places)


def draw_series(axes, rows, x, column, unit):
    lines = defaultdict(list)
    for row in rows:
        threads = int(row.get("threads", 1))
        name = row["codec"] + (f", {threads} threads" if threads > 1 else "")
        lines[name].append((float(row[x]) * unit, float(row[column])))
    axes.set_xscale("log")
    axes.set_yscale("log")
    places = []
    for name, points in lines.items():
        ink = "#A03000" if "threads" in name else colour(name)
        dashes = "--" if "threads" in name else "-"
        axes.plot(*zip(*points, strict=True), dashes, color=ink, marker="o", ms=4)
        places.append((name, *points[-1], ink))
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * (high / low) ** 0.5)
    ticks = 10.0 ** np.arange(0, 8, 2)
    plain(axes.xaxis, [tick for tick in ticks if low <= tick <= high])
    plain(axes.yaxis)
    label_lines(axes, places)


def arrays(stretch, rows, path):
    """A stream and what predictions leave of it; what streams cost alone and in one chunk."""
    figure = plt.figure(figsize=(13, 6.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(5, 6), wspace=0.04)
    draw_stretch(left.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2)), stretch)
    draw_costs(right.subplots(), rows)
    save(figure, path)


def draw_stretch(grid, rows):
    """Three strips, the last two on one scale."""
    strips = {
        "recorded": ("one of 16 streams under a sky of 1/f$^{1.5}$, as recorded", GREY),
        "own past": ("left by its own 12 samples before", FLACARRAY),
        "four others": ("left by four other streams", OURS),
    }
    numbers = {name: np.array([float(row[name]) for row in rows]) for name in strips}
    largest = 1.15 * max(np.abs(numbers[name]).max() for name in ("own past", "four others"))
    for axes, (name, (title, ink)) in zip(grid, strips.items(), strict=True):
        values = numbers[name]
        axes.plot(values, color=ink, lw=0.9)
        axes.margins(x=0)
        if name != "recorded":
            title += f": sigma {values.std():.0f}"
            axes.set_ylim(-largest, largest)
        axes.set_title(title, loc="left", color=ink)
        axes.yaxis.set_major_formatter(
            FuncFormatter(lambda y, _: f"{y:,.0f}".replace("-", "\N{MINUS SIGN}"))
        )
    grid[-1].set_xlabel("sample")


def draw_costs(axes, rows):
    """A group of bars for each set, the first on top; a black line where the ideal is."""
    styles = {
        "alone, level 5": ("alone, level 5", "0.8"),
        "alone, level 8": ("alone, level 8", "0.6"),
        "together, level 5": ("in one chunk, level 5", "#EFA873"),
        "together, level 8": ("in one chunk, level 8", OURS),
    }
    sets = list(dict.fromkeys(row["set"] for row in rows))
    bits = {(row["set"], row["coded"]): float(row["bits per sample"]) for row in rows}
    for place, name in enumerate(sets):
        for line, (coded, (label, ink)) in enumerate(styles.items()):
            value, y = bits[name, coded], place + 0.2 * (line - 1.5)
            axes.barh(y, value, 0.18, color=ink, label=None if place else label)
            axes.annotate(
                f"{value:.2f}", (value, y), xytext=(5, 0), textcoords="offset points",
                va="center", fontsize=9, color="0.25",
            )  # fmt: skip
        if (least := bits.get((name, "Gaussian ideal"))) is not None:
            label = None if place else "Gaussian ideal"
            axes.plot(
                [least, least], [place - 0.4, place + 0.4], color="black", lw=1.6, label=label
            )
    axes.set_yticks(range(len(sets)), [name.replace("^1.5", "$^{1.5}$") for name in sets])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_axisbelow(True)
    axes.set_ylim(len(sets) - 0.45, -0.55)
    axes.set_xlabel("bits per sample  (better ←)")
    axes.set_title("what streams cost", loc="left")
    axes.figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False,
        fontsize=10,
    )  # fmt: skip
