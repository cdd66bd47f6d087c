"""Writes the golden files of the network and of the detection loss, or checks the stored ones.

In:  the cases of `golden_cases.py`. Out: `{case}.safetensors` and `{case}.json` (architecture),
     `losses.safetensors` and PROVENANCE.md in `tests/golden/network`. `--check` recomputes and compares.
Refuses: a stored file that differs from its recomputation by more than 1e-5 of the tensor's range.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from golden_cases import CASES, INPUT_SHAPE, KINK_MARGIN, difference, loss_case, network_case

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "golden" / "network"
# Allowed difference of a recomputation, relative to the largest value of the tensor.
CHECK_TOLERANCE = 1e-5

PROVENANCE = """# Golden files of the network

Written by `train-host/reference/fixtures.py` (PyTorch {torch}); `fixtures.py --check` recomputes and compares.
Random data only, no recorded images. Parameters and inputs are float32 values; the rest was computed from them in
float64 and stored as float32. Parameter names and shapes are those of `train-host/reference/network.py`.

`{{case}}.json` is the architecture of `{{case}}.safetensors`, which holds, with input {shape}:

| tensor | content |
|---|---|
| `param/NAME` | parameters and the running statistics before any update |
| `input`, `cotangent/{{heat,off,size,mask}}` | network input; weights of the scalar `sum(output * cotangent)` |
| `eval/{{heat,off,size,mask}}` | outputs with the running statistics of `param/` |
| `output/{{heat,off,size,mask}}` | outputs in training mode (batch statistics) |
| `grad/NAME`, `grad_input` | gradients of the scalar, training mode; zero for unused parameters |
| `stats/NAME.running_{{mean,var}}` | running statistics after the one training forward, all four neck nodes computed |

`losses.safetensors`: `output/*` (heat, off, size, mask as the network gives them), `boxes` rows (image, xmin, ymin,
xmax, ymax) in pixels with exclusive maxima (image 1 has none), `target/heat`, `target/mask`, `target/{{image,row,col}}`
per target, `target/off`, `target/size`; `loss/{{heat,off,size,mask}}` unweighted, `loss/total` with weights
1, 1, 0.5, 1; `grad/*` of the total. N is the number of targets in the batch.

No rectifier input lies within {margin} of zero, so float32 rounding flips no gradient. The gaps are what the same
code shows in float32 against float64: largest difference over the tensor's largest value (at least 0.1), worst tensor.

| case | seed | output | eval | grad | grad_input | stats | unused parameters |
|---|---|---|---|---|---|---|---|
{rows}
"""


def check(path, tensors):
    """Faults of the stored file `path` against `tensors`, as lines."""
    if not path.is_file():
        return [f"{path.name}: absent, run fixtures.py without --check"]
    stored = load_file(path)
    faults = [
        f"{path.name}: {name} is in only one of file and recomputation" for name in stored.keys() ^ tensors.keys()
    ]
    for name in stored.keys() & tensors.keys():
        if stored[name].shape != tensors[name].shape:
            faults.append(f"{path.name}: {name} is {tuple(stored[name].shape)}, wanted {tuple(tensors[name].shape)}")
        elif (gap := difference(stored[name], tensors[name])) > CHECK_TOLERANCE:
            faults.append(f"{path.name}: {name} differs by {gap:.1e} of its range, allowed {CHECK_TOLERANCE}")
    return faults


def provenance(notes):
    """Text of PROVENANCE.md for the notes of every network case."""
    rows = []
    for name, note in notes.items():
        gaps = " | ".join(f"{note['gap'][group]:.1e}" for group in ("output", "eval", "grad", "grad_input", "stats"))
        unused = sorted({".".join(parameter.split(".")[:2]) for parameter in note["unused"]})
        rows.append(f"| {name} | {note['seed']} | {gaps} | {', '.join(unused) or '-'} |")
    return PROVENANCE.format(torch=torch.__version__, shape=list(INPUT_SHAPE), margin=KINK_MARGIN, rows="\n".join(rows))


def main():
    """Writes or checks all files; exit status 1 when a check fails."""
    parser = argparse.ArgumentParser(description="golden files of the InvDet network")
    parser.add_argument("--check", action="store_true", help="compare with the stored files, write nothing")
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cases = {name: network_case(keys) for name, keys in CASES.items()}
    files = {name: tensors for name, (tensors, _) in cases.items()} | {"losses": loss_case()}
    texts = {
        f"{name}.json": json.dumps(note["architecture"].as_dict(), indent=1) + "\n" for name, (_, note) in cases.items()
    }
    if options.check:
        faults = [
            fault for name, tensors in files.items() for fault in check(options.out / f"{name}.safetensors", tensors)
        ]
        for name, text in texts.items():
            path = options.out / name
            if not path.is_file() or path.read_text() != text:
                faults.append(f"{name}: absent or not the architecture of the case")
        print("\n".join(faults) if faults else f"{len(files)} golden files agree with their recomputation")
        sys.exit(1 if faults else 0)
    options.out.mkdir(parents=True, exist_ok=True)
    texts["PROVENANCE.md"] = provenance({name: note for name, (_, note) in cases.items()})
    for name, text in texts.items():
        (options.out / name).write_text(text)
    for name, tensors in files.items():
        path = options.out / f"{name}.safetensors"
        save_file(tensors, path)
        path.chmod(0o644)
        print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
