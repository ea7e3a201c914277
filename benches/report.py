"""Turns the CSV files of a record into its page and pictures, and into those of docs."""

import os
import re
from collections import defaultdict

import pictures
import record

DOCS = record.ROOT / "docs"
PAGES = ("benchmarks.md", "arrays.md")
PICTURES = ("integers", "floats", "recordings", "arrays", "entropy", "scaling")


def table(rows, columns=None):
    """A Markdown table of rows that are dictionaries."""
    columns = columns or list(rows[0])
    lines = [columns, ["---"] * len(columns), *([row[c] for c in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def targets(rows):
    shown = [
        {
            "target": row["target"],
            "set": row["set"],
            "measured": row["measured"],
            "wanted": f"{row['wanted']} {short(row['bound'])}",
            "met": row["met"],
            "MB/s": row["speed MB/s"],
        }
        for row in rows
    ]
    met = sum(row["met"] == "yes" for row in rows)
    return f"{met} of {len(rows)} met.\n\n{table(shown)}"


def short(bound):
    """A bound in few digits; that of sizes that must be smaller is 1."""
    return f"{float(bound):.4g}"


def codecs(rows, group, column):
    """A table of one number for each codec and set of a group; * marks a broken bound."""
    sets, cells = [], defaultdict(dict)
    for row in rows:
        if row["group"] == group:
            if row["set"] not in sets:
                sets.append(row["set"])
            mark = "" if row["within bound"] == "yes" else " *"
            name = row["codec"] + ("" if row["threads"] == "1" else f", {row['threads']} threads")
            cells[name][row["set"]] = f"{short_number(row[column])}{mark}"
    return table(
        [{"codec": name} | {s: row.get(s, "") for s in sets} for name, row in cells.items()]
    )


def short_number(text):
    """Four digits are enough to compare."""
    number = float(text)
    return f"{number:.0f}" if number >= 1000 else f"{number:.4g}"


def failures(rows):
    """Who broke its bound where, and by how much."""
    found = defaultdict(list)
    for row in rows:
        if row["within bound"] != "yes" and row["threads"] == "1":
            found[row["codec"]].append(f"{row['set']} ({row['error / quanta']})")
    if not found:
        return "Every codec kept its bound."
    lines = [f"* {codec}: {', '.join(where)}" for codec, where in found.items()]
    return "Errors above half of quanta, in quanta:\n\n" + "\n".join(lines)


def arrays(rows):
    """Bits per sample, a line for each set and a column for each way of coding it."""
    lines = {}
    for row in rows:
        line = lines.setdefault(row["set"], {"set": row["set"]})
        line[row["coded"]] = short_number(row["bits per sample"])
    columns = list(dict.fromkeys(name for line in lines.values() for name in line))
    return table([dict.fromkeys(columns, "") | line for line in lines.values()], columns)


def kernels(rows):
    """Million samples a second, a line for each kernel and a column for each table."""
    lines = {}
    for row in rows:
        line = lines.setdefault(row["kernel"], {"kernel": row["kernel"]})
        line[row["table"]] = short_number(row["million samples/s"])
    order = ["kernel", *sorted({row["table"] for row in rows}, key=lambda name: name != "scalar")]
    return "Million samples a second.\n\n" + table(list(lines.values()), order)


def machine(rows):
    return table(rows, ["what", "this machine"])


def sections(folder):
    """Markdown of each part that the record has, by its name."""
    found = {}
    if rows := record.read(folder / "machine.csv"):
        found["machine"] = machine(rows)
    if rows := record.read(folder / "targets.csv"):
        found["targets"] = targets(rows)
    if rows := record.read(folder / "codecs.csv"):
        single = [row for row in rows if row["threads"] == "1"]
        for group in ("integers", "floats", "recordings", "arrays"):
            found[f"{group}: bits per sample"] = codecs(single, group, "bits per sample")
            for what in ("encode", "decode"):
                found[f"{group}: {what} MB/s"] = codecs(rows, group, f"{what} MB/s")
        found["bounds"] = failures(rows)
    if rows := record.read(folder / "arrays.csv"):
        found["arrays"] = arrays(rows)
    for name in ("lossless", "shapes", "threads", "chunks", "lengths"):
        if rows := record.read(folder / f"{name}.csv"):
            found[name] = table(rows)
    if rows := record.read(folder / "kernels.csv"):
        found["kernels"] = kernels(rows)
    return found


def draw(folder):
    """All pictures that the record has the numbers for."""
    if rows := record.read(folder / "codecs.csv"):
        panels = {
            "integers": [("sets a, b, b2, c, g, int32", in_group("integers", "a b b2 c g"))],
            "floats": [
                ("sets a, b, b2, c, float32", in_group("floats", "float32")),
                ("the same, float64", in_group("floats", "float64")),
            ],
            "recordings": [("recordings, int32", in_group("recordings"))],
        }
        for name, chosen in panels.items():
            pictures.speed(rows, chosen, folder / f"{name}.svg")
    stretch, rows = (record.read(folder / f"{name}.csv") for name in ("stretch", "arrays"))
    if stretch and rows:
        pictures.arrays(stretch, rows, folder / "arrays.svg")
    if rows := record.read(folder / "entropy.csv"):
        pictures.entropy(rows, folder / "entropy.svg")
    scaling = [record.read(folder / f"{name}.csv") for name in ("threads", "chunks", "lengths")]
    if all(scaling):
        pictures.scaling(*scaling, folder / "scaling.svg")


def in_group(group, words=""):
    """Whether a row is of a group, and one of its set's words is among those wanted, if any."""
    wanted = set(words.split())
    return lambda row: (
        row["group"] == group and (not wanted or bool(wanted & set(row["set"].split())))
    )


def write_page(folder):
    """README.md of the record."""
    parts = [f"# Benchmark {folder.name}", "Made by `make bench`. MB are 10⁶ bytes of samples."]
    if lack := record.lack(folder):
        parts.append(f"**{lack}**")
    for name, text in sections(folder).items():
        parts.append(f"## {name[0].upper()}{name[1:]}\n\n{text}")
    drawn = [name for name in PICTURES if (folder / f"{name}.svg").exists()]
    if drawn:
        parts.append("## Pictures\n\n" + "\n\n".join(f"![{name}]({name}.svg)" for name in drawn))
    (folder / "README.md").write_text("\n\n".join(parts) + "\n")


def update_docs(folder):
    """Rewrites what stands between the markers of the pages of docs from a record."""
    found = sections(folder)
    path = os.path.relpath(folder, DOCS)
    found["record"] = f"From the record [{folder.name}]({path}/README.md)."
    for name in PICTURES:
        if (folder / f"{name}.svg").exists():
            found[f"picture {name}"] = f"![{name}]({path}/{name}.svg)"

    def replaced(match):
        text = found.get(match["name"])
        body = match["body"] if text is None else f"\n{text}\n"
        return f"<!-- measured: {match['name']} -->{body}<!-- end -->"

    pattern = r"<!-- measured: (?P<name>.*?) -->(?P<body>.*?)<!-- end -->"
    for page in (DOCS / name for name in PAGES):
        page.write_text(re.sub(pattern, replaced, page.read_text(), flags=re.DOTALL))
