#!/usr/bin/env bash
# Makes the Python environment of the reference network: venv.sh DIR
# In:  a folder to create (or to complete). Out: DIR/bin/python with the pinned packages of this script.
# PyTorch comes without its CUDA libraries (3 GB less); set INVDET_FULL_TORCH=1 to install them too.
set -euo pipefail
dir=${1:?usage: venv.sh DIR}
here=$(cd "$(dirname "$0")" && pwd)

torch=torch==2.13.0
others=(numpy==2.4.6 safetensors==0.8.0 onnx==1.23.2 onnxruntime==1.31.1)
# What torch imports besides the CUDA libraries.
torch_needs=(filelock fsspec jinja2 networkx sympy typing_extensions)

[ -x "$dir/bin/python" ] || python3 -m venv "$dir"
pip=("$dir/bin/pip" install --quiet --disable-pip-version-check)
if [ "${INVDET_FULL_TORCH:-0}" = 1 ]; then
  "${pip[@]}" "$torch" "${others[@]}"
else
  "${pip[@]}" --no-deps "$torch"
  # pip says here that torch misses its CUDA packages: that is the purpose.
  "${pip[@]}" "${others[@]}" "${torch_needs[@]}" 2>&1 | grep -v 'torch 2.13.0 requires\|dependency resolver' || true
  "$dir/bin/python" "$here/absent_cuda.py" \
    "$("$dir/bin/python" -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])')"
fi
"$dir/bin/python" -c 'import torch, onnx, onnxruntime, safetensors; print("torch", torch.__version__, "onnxruntime", onnxruntime.__version__)'
