#!/usr/bin/env bash
# The independent programs agree with what is committed: PyTorch with the network fixtures, scikit-image, SciPy and
# PyIRSTDMetrics with the metrics' golden file.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/rigs/need.sh cc:gcc nm:binutils
python3 -c 'import ensurepip' 2>/dev/null || tests/rigs/need.sh no-such-program:python3-venv
passed=0

metrics=.cache/venv-metrics
if [ ! -e $metrics/ready ]; then
    rm -rf $metrics
    python3 -m venv $metrics
    $metrics/bin/pip install -q --disable-pip-version-check -r train-host/metrics/golden/requirements.txt
    touch $metrics/ready
fi
$metrics/bin/python train-host/metrics/golden/make_golden.py --check
passed=$((passed + 1))

torch=.cache/venv-torch
[ -e $torch/ready ] || { rm -rf $torch && train-host/reference/venv.sh $torch && touch $torch/ready; }
$torch/bin/python train-host/reference/fixtures.py --check
passed=$((passed + 1))
(cd train-host/reference && "../../$torch/bin/python" -m unittest -q facts)
passed=$((passed + 1))

echo "$passed passed, 0 failed"
