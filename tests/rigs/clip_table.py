"""One row of the table of labelled clips.

In: `tracks.jsonl` of a replay and the labels of the clip: boxes `frame,x,y,w,h` with 1-based pixels (one target a frame),
or derived centroids. Out: a Markdown row. A labelled frame counts if a confirmed track lies within 6 px of the box centre.
A false track is a confirmed one that is never within 6 px of the label in a labelled frame; one id is one false track.
Only labelled frames are judged: what a clip shows elsewhere is not known.
"""

import argparse
import csv
import json
import math

GATE_PX = 6.0
FPS = 30.0


def boxes(path):
    """{frame: centre}; MATLAB's first pixel is 1 and covers 0..1 here."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    number = lambda row, key: float(row[key])  # noqa: E731
    return {
        int(row["frame"]): (number(row, "x") - 1 + number(row, "w") / 2, number(row, "y") - 1 + number(row, "h") / 2)
        for row in rows
        if number(row, "w") > 0
    }


def points(path):
    """{frame: centroid}; pixel i is centred at i in the file, at i + 0.5 here."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {i: (float(row["cx"]) + 0.5, float(row["cy"]) + 0.5) for i, row in enumerate(rows)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True)
    parser.add_argument("--tracks", required=True)
    labels = parser.add_mutually_exclusive_group(required=True)
    labels.add_argument("--boxes")
    labels.add_argument("--points")
    options = parser.parse_args()
    truth = boxes(options.boxes) if options.boxes else points(options.points)
    with open(options.tracks, encoding="utf-8") as file:
        frames = [json.loads(line) for line in file]

    hits, right, seen = 0, set(), set()
    judged = 0
    for number, frame in enumerate(frames):
        if number not in truth:
            continue
        judged += 1
        x, y = truth[number]
        confirmed = [t for t in frame["tracks"] if t["state"] == "confirmed"]
        seen.update(t["id"] for t in confirmed)
        near = {t["id"] for t in confirmed if math.hypot(t["x"] - x, t["y"] - y) <= GATE_PX}
        right |= near
        hits += bool(near)
    false = len(seen - right)
    per_minute = false / (judged / FPS / 60)
    print(f"| {options.name} | {len(frames)} | {judged} | {100 * hits / judged:.1f} % | {false} | {per_minute:.1f} | {len(right)} |")


if __name__ == "__main__":
    main()
