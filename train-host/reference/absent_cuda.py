"""Makes a CUDA build of PyTorch importable on a machine without the CUDA libraries.

In:  the `torch` package folder of a venv, installed with `--no-deps`.
Out: small shared objects in `torch/lib`, one per missing CUDA library, in which every function that
     PyTorch links to answers 100 (`cudaErrorNoDevice`), so `torch.cuda.is_available()` is False.
Refuses: to overwrite a real library of the same name.

The package index has only the CUDA build of this PyTorch version; its libraries weigh about 3 GB and
this oracle runs on the CPU only. Needs `cc`, `nm` and `readelf`.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

# Answers of the few functions that return a string; all others return an error code.
TEXT_FUNCTIONS = {"cudaGetErrorString", "cudaGetErrorName", "ncclGetErrorString", "cublasGetStatusString"}
CUDA_LIBRARY = re.compile(r"^lib(cu|nccl|nvrtc|nvshmem|nvJitLink)")


def listing(*command):
    """Standard output of `command`, split in lines."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def needed_libraries(library):
    """Sonames in the NEEDED entries of one shared object."""
    return {m[1] for line in listing("readelf", "-d", library) if (m := re.search(r"NEEDED.*\[(.+)\]", line))}


def symbols(library, which):
    """Names (`name` or `name@version`) of the dynamic symbols of `library`; `which` is an `nm` selector."""
    found = set()
    for line in listing("nm", "-D", which, library):
        kind, name = line.split()[-2:]
        if kind not in "wv":
            found.add(name.replace("@@", "@"))
    return found


def version_owners(library):
    """Map version name -> soname that must provide it, from the version-needs section of `library`."""
    owners, soname = {}, None
    for line in listing("readelf", "-VW", library):
        if m := re.search(r"Version: \d+\s+File: (\S+)", line):
            soname = m[1]
        elif soname and (m := re.search(r"Name: (\S+)\s+Flags:", line)):
            owners[m[1]] = soname
    return owners


def source_of(functions):
    """C text that defines `functions`."""
    lines = []
    for name in sorted(functions):
        if name in TEXT_FUNCTIONS:
            lines.append(f'const char *{name}(void) {{ return "no CUDA library installed"; }}')
        else:
            lines.append(f"long {name}(void) {{ return 100; }}")
    return "\n".join(lines) + "\n"


def build(folder, soname, functions, version):
    """Compiles `folder/soname`; `version` (or None) is the version name of all its symbols."""
    target = folder / soname
    with tempfile.TemporaryDirectory() as scratch:
        source, script = Path(scratch, "absent.c"), Path(scratch, "absent.map")
        source.write_text(source_of(functions))
        script.write_text(f"{version} {{ *; }};\n")
        versioned = [f"-Wl,--version-script={script}"] if version else []
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-w", "-fno-builtin", f"-Wl,-soname,{soname}", *versioned, source, "-o", target],
            check=True,
        )


def main():
    """Writes the stand-ins; argument 1 is the `torch` package folder."""
    folder = Path(sys.argv[1], "lib")
    libraries = sorted(folder.glob("lib*.so"))
    needed = {s for lib in libraries for s in needed_libraries(lib) if CUDA_LIBRARY.match(s)}
    missing = sorted(s for s in needed if not (folder / s).exists())
    defined = {s.split("@")[0] for lib in libraries for s in symbols(lib, "--defined-only")}
    wanted = {s for lib in libraries for s in symbols(lib, "--undefined-only") if s.split("@")[0] not in defined}
    owners = {version: soname for lib in libraries for version, soname in version_owners(lib).items()}
    by_soname = {soname: (None, set()) for soname in missing}
    unversioned = set()
    for name, _, version in (s.partition("@") for s in wanted):
        if owners.get(version) in by_soname:
            soname = owners[version]
            by_soname[soname] = (version, by_soname[soname][1] | {name})
        elif not version and re.match(r"(nccl|cu|nvshmem)\w*$", name):
            unversioned.add(name)
    # A symbol without a version may come from any loaded library: each unversioned one holds them all.
    for soname, (version, functions) in by_soname.items():
        build(folder, soname, functions if version else unversioned, version)
    print(f"{len(missing)} absent CUDA libraries replaced in {folder}")


if __name__ == "__main__":
    main()
