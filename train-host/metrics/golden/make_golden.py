#!/usr/bin/env python3
"""Golden results for the metrics crate, derived a second time in NumPy, scikit-image and SciPy.

    python make_golden.py            writes golden.json beside this file
    python make_golden.py --check    derives everything again and fails if golden.json differs

The definitions are those of the public codes named in PROVENANCE.md, written anew. Where PyIRSTDMetrics has a metric,
its result is compared with ours on every case and the program fails on a difference.
"""

import json
import math
import pathlib
import sys

import numpy as np
import py_irstd_metrics as peer
from scipy.optimize import linear_sum_assignment
from skimage.measure import label, regionprops

SEED = 20240607
CASES_PER_KIND = 20
KINDS = ["blobs", "touching", "equal_area", "border", "no_prediction", "no_target", "nothing", "grey", "three_px",
         "noise", "overlap"]
EPS = np.spacing(1)
BIG = 1e6


# ------------------------------------------------------------------------------------------------ random pictures

def blob(rng, image, y, x, r, value=True):
    h, w = image.shape
    yy, xx = np.mgrid[0:h, 0:w]
    ry, rx = r * rng.uniform(0.6, 1.4, 2)
    inside = ((yy - y) / max(ry, 0.6)) ** 2 + ((xx - x) / max(rx, 0.6)) ** 2 <= 1.0
    image[inside] = value


def random_blobs(rng, shape, count, r_max=3.0):
    image = np.zeros(shape, bool)
    for _ in range(count):
        blob(rng, image, rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(0.6, r_max))
    return image


def moved(image, dy, dx):
    out = np.zeros_like(image)
    h, w = image.shape
    out[max(dy, 0):h + min(dy, 0), max(dx, 0):w + min(dx, 0)] = \
        image[max(-dy, 0):h + min(-dy, 0), max(-dx, 0):w + min(-dx, 0)]
    return out


def picture(rng, kind):
    shape = (int(rng.integers(8, 33)), int(rng.integers(8, 41)))
    target = random_blobs(rng, shape, int(rng.integers(1, 6)))
    jitter = [int(v) for v in rng.integers(-3, 4, 2)]
    prediction = moved(target, *jitter) | random_blobs(rng, shape, int(rng.integers(0, 4)))
    grey = np.where(target, 255, 0).astype(np.uint8)
    if kind == "touching":
        base = np.zeros(shape, bool)
        for i in range(6):  # a chain of dots that touch by corners, gaps of one pixel in between
            y, x = 1 + i + i // 3, 1 + i + i // 2
            if y < shape[0] and x < shape[1]:
                base[y, x] = True
        base[-2:, -3:] = True
        base[-4, -5:] = rng.random(5) < 0.7
        grey = np.where(base, 255, 0).astype(np.uint8)
        prediction = moved(base, int(rng.integers(-1, 2)), int(rng.integers(-1, 2))) | (rng.random(shape) < 0.03)
    elif kind == "equal_area":
        target, prediction = np.zeros(shape, bool), np.zeros(shape, bool)
        side = int(rng.integers(1, 4))
        for _ in range(4):
            y, x = int(rng.integers(0, shape[0] - side)), int(rng.integers(0, shape[1] - side))
            target[y:y + side, x:x + side] = True
            y, x = np.clip([y + rng.integers(-2, 3), x + rng.integers(-2, 3)], 0, [shape[0] - side, shape[1] - side])
            prediction[y:y + side, x:x + side] = True
        for _ in range(4):  # false ones of the same area
            y, x = int(rng.integers(0, shape[0] - side)), int(rng.integers(0, shape[1] - side))
            prediction[y:y + side, x:x + side] = True
        grey = np.where(target, 255, 0).astype(np.uint8)
    elif kind == "border":
        frame = np.zeros(shape, bool)
        frame[0], frame[-1], frame[:, 0], frame[:, -1] = (rng.random(n) < 0.4 for n in
                                                          (shape[1], shape[1], shape[0], shape[0]))
        grey = np.where(frame, 255, 0).astype(np.uint8)
        prediction = frame & (rng.random(shape) < 0.8)
    elif kind == "no_prediction":
        prediction = np.zeros(shape, bool)
    elif kind == "no_target":
        grey = np.zeros(shape, np.uint8)
    elif kind == "nothing":
        grey, prediction = np.zeros(shape, np.uint8), np.zeros(shape, bool)
    elif kind == "grey":
        levels = np.array([0, 1, 60, 126, 127, 128, 129, 200, 254, 255], np.uint8)
        halo = random_blobs(rng, shape, 4, 4.0)
        grey = np.where(halo, levels[rng.integers(0, len(levels), shape)], 0).astype(np.uint8)
        grey[target] = 255
        prediction = moved(target, *(j % 2 for j in jitter)) | (halo & (rng.random(shape) < 0.5))
    elif kind == "three_px":
        dots = np.zeros(shape, bool)
        for _ in range(5):
            dots[rng.integers(0, shape[0]), rng.integers(0, shape[1])] = True
        step = [(3, 0), (0, 3), (-3, 0), (0, -3), (2, 2), (2, -2), (3, 1), (1, 2)][int(rng.integers(0, 8))]
        grey = np.where(dots, 255, 0).astype(np.uint8)
        prediction = moved(dots, *step)
    elif kind == "noise":
        grey = np.where(rng.random(shape) < 0.08, 255, 0).astype(np.uint8)
        prediction = rng.random(shape) < 0.08
    elif kind == "overlap":
        target = random_blobs(rng, shape, 3, 6.0)
        grey = np.where(target, 255, 0).astype(np.uint8)
        prediction = moved(target, *jitter)
        prediction[:, shape[1] // 2] = False  # cuts large blobs in two
    return prediction, grey


def boxes(rng, prediction, grey, case):
    """Scored boxes: jittered components, strays, duplicates, and some exactly at the limits of the gates."""
    h, w = grey.shape
    found = []
    for part in regionprops(label(prediction, connectivity=2))[:8]:
        y0, x0, y1, x1 = part.bbox
        found.append([(x0 + x1) / 2 + rng.normal(0, 0.6), (y0 + y1) / 2 + rng.normal(0, 0.6),
                      (x1 - x0) * rng.uniform(0.7, 1.4), (y1 - y0) * rng.uniform(0.7, 1.4), rng.uniform(0.2, 1.0)])
    for index, part in enumerate(regionprops(label(grey > 127, connectivity=2))[:6]):
        y0, x0, y1, x1 = part.bbox
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        shift = [(0, 0), (3, 0), (0, 5), (3, 4), (1, 0), (0, 3.015625)][(index + case) % 6]
        found.append([cx + shift[0], cy + shift[1], x1 - x0, y1 - y0, rng.uniform(0.1, 0.9)])
        if rng.random() < 0.4:  # a second detection on the same target
            found.append([cx + rng.normal(0, 1), cy + rng.normal(0, 1), x1 - x0 + 1, y1 - y0, rng.uniform(0.1, 0.9)])
    for _ in range(int(rng.integers(0, 4))):
        found.append([rng.uniform(0, w), rng.uniform(0, h), rng.uniform(1, 6), rng.uniform(1, 6), rng.uniform(0, 0.7)])
    if case % 7 == 0:
        found.append([0.5, 0.5, 2.0, 2.0, 0.9])  # SPIRE's padding
    if case % 11 == 0 or (prediction.sum() == 0 and case % 2):
        found = []
    exact = [[round(v * 64) / 64 for v in f[:4]] + [round(f[4] * 1024) / 1024] for f in found]
    rng.shuffle(exact)
    return exact


# ------------------------------------------------------------------------------------------------ mask metrics

def parts(binary):
    return regionprops(label(binary.astype(np.int64), connectivity=2))


def pixel_counts(prediction, grey):
    target = grey.astype(np.float32) / np.float32(255)
    shown = prediction.astype(np.float32)
    inter = int(np.sum((shown == 1) & (target == 1)))
    area = lambda values: int(np.histogram(values, bins=1, range=(1, 1))[0][0])
    union = area(shown) + area(target) - inter
    whole = target.astype(np.int64)
    acm_inter = int(np.sum((prediction == 1) & (whole == 1)))
    acm_union = area(prediction.astype(np.int64)) + area(whole) - acm_inter
    hard = grey > 127
    return {"basic": [inter, union], "acm": [acm_inter, acm_union],
            "strict": [int(np.sum(prediction & hard)), int(np.sum(prediction | hard))],
            "correct": int(np.sum((shown == target) & (target > 0))), "labelled": int(np.sum(target > 0))}


def pd_fa(prediction, objects):
    wanted, found = parts(objects), parts(prediction)
    remaining, hit_areas = list(found), []
    for one in wanted:
        for candidate in remaining:
            if np.linalg.norm(np.array(candidate.centroid) - np.array(one.centroid)) < 3:
                hit_areas.append(int(candidate.area))
                remaining.remove(candidate)
                break
    basic = int(prediction.sum()) - sum(hit_areas)
    forgiven = sum(int(p.area) for p in found if int(p.area) not in hit_areas)
    return {"targets": len(wanted), "detected": len(hit_areas), "basic": basic, "dnanet": forgiven,
            "objects": len(remaining)}


def pair_tables(prediction, target):
    a, b = label(target, connectivity=2), label(prediction, connectivity=2)
    rows, cols = regionprops(a), regionprops(b)
    distance = np.array([[math.sqrt((r.centroid[0] - c.centroid[0]) ** 2 + (r.centroid[1] - c.centroid[1]) ** 2)
                          for c in cols] for r in rows]).reshape(len(rows), len(cols))
    iou = np.array([[np.sum((a == r.label) & (b == c.label)) / np.sum((a == r.label) | (b == c.label))
                     for c in cols] for r in rows]).reshape(len(rows), len(cols))
    return distance, iou


def opdc(distance, iou):
    rows, cols = distance.shape
    pairs = []
    if np.any(iou >= 0.5):
        pairs = [(r, c) for r, c in zip(*linear_sum_assignment(distance)) if iou[r, c] >= 0.5]
    free_r = [r for r in range(rows) if r not in [p[0] for p in pairs]]
    free_c = [c for c in range(cols) if c not in [p[1] for p in pairs]]
    if np.any(distance < 3) and free_r and free_c:
        rest = distance[np.ix_(free_r, free_c)]
        pairs += [(free_r[i], free_c[j]) for i, j in zip(*linear_sum_assignment(rest)) if rest[i, j] < 3]
    return [len(pairs), cols - len(pairs), rows - len(pairs), float(sum(iou[p] for p in pairs))]


def opdc_both(prediction, target):
    distance, iou = pair_tables(prediction, target)
    fixed = opdc(distance, iou)
    if 0 in distance.shape:  # the phantoms of the 1 x 1 padding
        size = (max(distance.shape[0], 1), max(distance.shape[1], 1))
        distance, iou = np.full(size, float(target.size)), np.zeros(size)
    return fixed, opdc(distance, iou)


# ------------------------------------------------------------------------------------------------ box criteria

def targets_of(grey):
    out = []
    for part in regionprops(label(grey > 127, connectivity=2)):
        y0, x0, y1, x1 = part.bbox
        out.append(((x0 + x1) / 2, (y0 + y1) / 2, float(x1 - x0), float(y1 - y0), int(part.area)))
    return out


def box_iou(a, b):
    w = min(a[0] + a[2] / 2, b[0] + b[2] / 2) - max(a[0] - a[2] / 2, b[0] - b[2] / 2)
    h = min(a[1] + a[3] / 2, b[1] + b[3] / 2) - max(a[1] - a[3] / 2, b[1] - b[3] / 2)
    shared = max(w, 0) * max(h, 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def gap(a, b):
    return math.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2)


def s_geo(target, found):
    area, other = target[2] * target[3], found[2] * found[3]
    return math.exp(-(gap(target, found) / math.hypot(target[2], target[3])) ** 2 - (abs(other - area) / area) ** 2)


def p1(targets, found):
    """Verdict per detection."""
    verdict, taken = [False] * len(found), set()
    for d in sorted(range(len(found)), key=lambda i: -found[i][4]):
        options = [(box_iou(t, found[d]), -k) for k, t in enumerate(targets) if k not in taken]
        if options and max(options)[0] >= 0.5:
            taken.add(-max(options)[1])
            verdict[d] = True
    return verdict


def hungarian(targets, found, cost, admits):
    if not targets or not found:
        return [], 0.0
    table = np.array([[cost(t, d) if admits(t, d) else BIG for d in found] for t in targets])
    pairs = [(r, c) for r, c in zip(*linear_sum_assignment(table)) if table[r, c] < BIG]
    return pairs, float(sum(table[p] for p in pairs))


def p2(targets, found):
    return hungarian(targets, found, gap, lambda t, d: gap(t, d) < 3)


def p4(targets, found):
    return hungarian(targets, found, lambda t, d: 1 - s_geo(t, d), lambda t, d: s_geo(t, d) >= 0.5)


def p2_raster(targets, found):
    left = sorted(found, key=lambda d: (d[1] - d[3] / 2, d[0] - d[2] / 2))
    hits = 0
    for target in targets:
        near = [d for d in left if gap(target, d) < 3]
        if near:
            left.remove(near[0])
            hits += 1
    return hits


def spire(targets, found, threshold):
    points = [(d[0] - 0.5, d[1] - 0.5, d[4]) for d in found]
    points = [p for p in points if not (p[0] == 0 and p[1] == 0)]
    used = set()
    for target in targets:
        at = (target[0] - 0.5, target[1] - 0.5)
        free = [(gap(at, p), i) for i, p in enumerate(points) if i not in used]
        if free and min(free)[0] <= 5:
            used.add(min(free)[1])
    high = {i for i, p in enumerate(points) if p[2] >= threshold}
    tp = len(used & high)
    return [tp, len(high - used), len(targets) - tp]


def counts_at(criterion, targets, found, threshold):
    kept = [d for d in found if d[4] >= threshold]
    if criterion == "spire_5px":
        return spire(targets, found, threshold)
    tp = {"box_iou50": lambda: sum(p1(targets, kept)), "centre_3px": lambda: len(p2(targets, kept)[0]),
          "geo_05": lambda: len(p4(targets, kept)[0]), "raster": lambda: p2_raster(targets, kept)}[criterion]()
    return [tp, len(kept) - tp, len(targets) - tp]


def yolo_best(everything):
    scores = np.array([d[4] for _, found in everything for d in found])
    hits = np.array([v for targets, found in everything for v in p1(targets, found)], float)
    total = sum(len(t) for t, _ in everything)
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], hits[order]
    tp, fp = np.cumsum(hits), np.cumsum(1 - hits)
    at = np.linspace(0, 1, 1000)
    recall = np.interp(-at, -scores, tp / (total + 1e-16), left=0)
    precision = np.interp(-at, -scores, tp / (tp + fp), left=1)
    f1 = 2 * precision * recall / (precision + recall + 1e-16)
    best = int(f1.argmax())
    return [float(v[best]) for v in (at, precision, recall, f1)]


def by_area(everything, threshold):
    rows = [[0, 0, 0] for _ in range(3)]
    bin_of = lambda area: 0 if area < 10 else 1 if area < 50 else 2
    for targets, found in everything:
        kept = [d for d in found if d[4] >= threshold]
        pairs, _ = p2(targets, kept)
        for i, target in enumerate(targets):
            rows[bin_of(target[4])][0] += 1
            rows[bin_of(target[4])][1] += any(i == r for r, _ in pairs)
        for i, d in enumerate(kept):
            rows[bin_of(d[2] * d[3])][2] += all(i != c for _, c in pairs)
    return rows


# ------------------------------------------------------------------------------------------------ output

def run_lengths(values):
    out, start = [], 0
    flat = values.ravel()
    for i in range(1, len(flat) + 1):
        if i == len(flat) or flat[i] != flat[start]:
            out += [int(flat[start]), i - start]
            start = i
    return out


def shapes(binary):
    return [[int(p.area), p.bbox[1], p.bbox[0], p.bbox[3], p.bbox[2], float(p.centroid[1]), float(p.centroid[0])]
            for p in parts(binary)]


def same_as_peer(prediction, objects, ours):
    check = peer.ProbabilityDetectionAndFalseAlarmRate()
    check.update(prediction.astype(float), objects)
    got = (int(check.tp_objs[0]), int(check.fp_objs[0]), int(check.fn_objs[0]), int(check.fp_area[0]))
    want = (ours["detected"], ours["objects"], ours["targets"] - ours["detected"], ours["basic"])
    assert got == want, ("Pd/Fa", got, want)


def same_opdc_as_peer(prediction, target, ours):
    check = peer.MatchingBasedMetrics()
    check.update(prediction.astype(float), target)
    got = (int(check.tp_objs[0]), int(check.fp_objs[0]), int(check.fn_objs[0]), float(check.tp_ious[0]))
    assert got[:3] == tuple(ours[:3]) and abs(got[3] - ours[3]) < 1e-12, ("OPDC", got, ours)


def build():
    rng = np.random.default_rng(SEED)
    cases, everything, images = [], [], []
    for number in range(CASES_PER_KIND * len(KINDS)):
        kind = KINDS[number % len(KINDS)]
        prediction, grey = picture(rng, kind)
        found = boxes(rng, prediction, grey, number)
        targets = targets_of(grey)
        fixed, compat = opdc_both(prediction, grey > 127)
        full, strict = pd_fa(prediction, grey == 255), pd_fa(prediction, grey > 127)
        same_as_peer(prediction, grey == 255, full)
        same_as_peer(prediction, grey > 127, strict)
        same_opdc_as_peer(prediction, grey > 127, compat)
        kept = [d for d in found if d[4] >= 0.5]
        cases.append({
            "kind": kind, "width": grey.shape[1], "height": grey.shape[0],
            "prediction": np.packbits(prediction).tobytes().hex(), "mask": run_lengths(grey), "boxes": found,
            "components": shapes(prediction) if number % 2 else shapes(grey > 127),
            "pixel": pixel_counts(prediction, grey), "pd_fa_full": full, "pd_fa_strict": strict,
            "opdc": fixed, "opdc_compat": compat,
            "at_half": {c: counts_at(c, targets, found, 0.5)
                        for c in ("box_iou50", "centre_3px", "raster", "spire_5px", "geo_05")},
            "centre_total_px": p2(targets, kept)[1], "geo_total": p4(targets, kept)[1],
        })
        everything.append((targets, found))
        images.append((prediction, grey))

    curves = {c: [[int(v) for v in np.sum([counts_at(c, t, f, k / 20) for t, f in everything], axis=0)]
                  for k in range(21)] for c in ("box_iou50", "centre_3px", "spire_5px", "geo_05")}
    sizes = sum(g.size for _, g in images)
    sums = lambda key, field: sum(c[key][field] for c in cases)
    n_iou = lambda mode: float(np.mean([c["pixel"][mode][0] / (EPS + c["pixel"][mode][1]) for c in cases]))
    iou = lambda mode: float(sum(c["pixel"][mode][0] for c in cases) /
                             (EPS + sum(c["pixel"][mode][1] for c in cases)))
    iou_handler, mask_iou = peer.IoUHandler(with_binary=True, sample_based=True), peer.CMMetrics()
    mask_iou.add_handler("iou", iou_handler)
    match = peer.MatchingBasedMetrics()
    rates = peer.ProbabilityDetectionAndFalseAlarmRate()
    for prediction, grey in images:
        mask_iou.update(prediction.astype(float), grey > 127)
        match.update(prediction.astype(float), grey > 127)
        rates.update(prediction.astype(float), grey == 255)
    assert abs(mask_iou.get()["iou"]["binary"] - n_iou("strict")) < 1e-12
    tp, fp, fn, overlap = (float(np.sum([c["opdc_compat"][i] for c in cases])) for i in range(4))
    hiou = overlap / tp * tp / (tp + fp + fn)
    assert abs(match.get()["hiou"][0] - hiou) < 1e-12
    pd, fa = sums("pd_fa_full", "detected") / sums("pd_fa_full", "targets"), sums("pd_fa_full", "basic") / sizes
    assert abs(rates.get()["probability_detection"][0] - pd) < 1e-15
    assert abs(rates.get()["false_alarm"][0] - fa) < 1e-15

    matrices = []
    for number in range(80):
        rows, cols = (int(v) for v in rng.integers(1, 9, 2))
        # Few distinct values, so that many assignments cost the same and tie rules show.
        table = rng.integers(0, 3 + number % 5, (rows, cols)) if number % 2 else rng.integers(0, 1000, (rows, cols))
        r, c = linear_sum_assignment(table)
        matrices.append({"rows": rows, "cols": cols, "cost": [int(v) for v in table.ravel()],
                         "pairs": [[int(a), int(b)] for a, b in zip(r, c)]})
    return {
        "cases": cases,
        "set": {
            "pixels": sizes, "iou": {m: iou(m) for m in ("basic", "acm", "strict")},
            "n_iou": {m: n_iou(m) for m in ("acm", "strict")},
            "pixel_accuracy": float(sums("pixel", "correct") / (EPS + sums("pixel", "labelled"))),
            "pd": pd, "fa_basic": fa, "fa_dnanet": sums("pd_fa_full", "dnanet") / sizes,
            "fa_dnanet_256": sums("pd_fa_full", "dnanet") / (256 * 256 * len(cases)),
            "fa_basic_f32": float(np.float32(1) / np.float32(sizes) * np.float32(sums("pd_fa_full", "basic"))),
            "pd_strict": sums("pd_fa_strict", "detected") / sums("pd_fa_strict", "targets"),
            "fa_strict": sums("pd_fa_strict", "basic") / sizes, "hiou_compat": hiou,
            "curves": curves, "yolo_best": yolo_best(everything), "by_area": by_area(everything, 0.5),
        },
        "assignments": matrices,
    }


def main():
    path = pathlib.Path(__file__).with_name("golden.json")
    built = build()
    body = ",\n".join(json.dumps(c, separators=(",", ":")) for c in built.pop("cases"))
    rest = json.dumps(built, separators=(",", ":"))
    text = '{"cases":[\n' + body + "\n]," + rest[1:] + "\n"
    if sys.argv[1:] == ["--check"]:
        if path.read_text() != text:
            sys.exit("golden.json differs from what the definitions give now")
        print("golden.json is up to date")
        return
    path.write_text(text)
    print(f"wrote {len(text)} bytes")


if __name__ == "__main__":
    main()
