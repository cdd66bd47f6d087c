"""Markdown tables from the lines of `invdet-train eval --json`, each with a `mode` added, on standard input."""

import json
import sys


def number(value):
    return "-" if value is None else f"{value:.2f}"


def prf(part):
    return " / ".join(number(part[key]) for key in "P R F1".split())


def main():
    reports = [json.loads(line) for line in sys.stdin]
    strict = [r for r in reports if r["mode"] == "strict"]
    print("| test split | images | centre < 3 px P / R / F1 | box IoU >= 0.5 F1 | IoU | nIoU | Pd | Fa (1e-6) |")
    print("|---|---|---|---|---|---|---|---|")
    for r in strict:
        pixel = " | ".join(number(r[key]) for key in ("IoU", "nIoU", "Pd", "Fa_1e6"))
        print(f"| {r['dataset']} | {r['images']} | {prf(r['centre_3px'])} | {number(r['box_iou50']['F1'])} | {pixel} |")
    print("\nEvery criterion (P / R / F1, percent):\n")
    print("| test split | box IoU >= 0.5 | centre < 3 px | SPIRE <= 5 px | S_geo >= 0.5 |")
    print("|---|---|---|---|---|")
    for r in strict:
        cells = " | ".join(prf(r[key]) for key in ("box_iou50", "centre_3px", "spire_5px", "geo_05"))
        print(f"| {r['dataset']} | {cells} |")
    print("\nPixel metrics by the conventions of public code:\n")
    print("| test split | convention | IoU | nIoU | Pd | Fa (1e-6) |")
    print("|---|---|---|---|---|---|")
    for r in sorted(reports, key=lambda r: r["dataset"]):
        cells = " | ".join(number(r[key]) for key in ("IoU", "nIoU", "Pd", "Fa_1e6"))
        print(f"| {r['dataset']} | {r['mode']} | {cells} |")


if __name__ == "__main__":
    main()
