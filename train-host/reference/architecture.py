"""Architecture of the detection network: the keys that fix every shape, and the named profiles.

In:  a profile name ("s", "b"), a JSON or TOML file (keys at top level or under `model`), or a mapping.
Out: a checked `Architecture`.
Refuses: unknown keys, unknown words, lists that are not of length 4.
Source: algorithm.md 0.1, 1 and 2.
"""

import dataclasses
import json
import tomllib
from pathlib import Path

WORDS = {
    "haar": ("orthonormal", "irn"),
    "split": ("quarter", "irn"),
    "subnet": ("light", "dense"),
    "mmfb": ("node", "sum"),
    "decoder_recursion": ("F", "P"),
    "mask_head": ("plain", "detail"),
}


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Shape-defining keys. Lists have one entry per stage s = 1..4."""

    s_rev: int  # stages 1..s_rev are reversible
    n_block: tuple  # blocks per stage
    hidden: tuple  # hidden channels of the light sub-networks
    conv_channels: tuple  # channels of Y_s for s > s_rev
    neck: tuple  # D_s
    trunk: int  # channels of the head trunk
    mask_channels: int  # channels of the mask head
    stages: int = 4
    haar: str = "orthonormal"
    split: str = "quarter"
    subnet: str = "light"
    clamp: float = 1.0
    mmfb: str = "node"
    decoder_recursion: str = "F"
    mask_head: str = "plain"

    def __post_init__(self):
        for key, words in WORDS.items():
            if getattr(self, key) not in words:
                raise ValueError(f"architecture key {key} is {getattr(self, key)!r}, wanted one of {words}")
        if self.stages != 4 or not 1 <= self.s_rev <= 4:
            raise ValueError(f"stages {self.stages}, s_rev {self.s_rev}: wanted stages 4 and s_rev 1..4")
        for key in ("n_block", "hidden", "conv_channels", "neck"):
            value = tuple(getattr(self, key))
            if len(value) != 4:
                raise ValueError(f"architecture key {key} has {len(value)} entries, wanted 4")
            object.__setattr__(self, key, value)

    def channels(self, stage):
        """Channels of Y_stage; stage 0 is the one-channel image."""
        return 4**stage if stage <= self.s_rev else self.conv_channels[stage - 1]

    def low_channels(self, stage):
        """Channels of the low part y^l of a reversible stage (1.2)."""
        return 1 if self.split == "irn" else self.channels(stage) // 4

    def as_dict(self):
        """JSON-ready mapping with every key."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}


PROFILES = {
    "s": Architecture(
        s_rev=2, n_block=(1, 1, 1, 1), hidden=(16, 16, 32, 32), conv_channels=(0, 0, 32, 64),
        neck=(16, 16, 32, 32), trunk=16, mask_channels=16, mask_head="detail",
    ),
    "b": Architecture(
        s_rev=2, n_block=(2, 2, 2, 2), hidden=(16, 32, 48, 64), conv_channels=(0, 0, 64, 128),
        neck=(32, 32, 48, 64), trunk=32, mask_channels=16, mask_head="detail",
    ),
}  # fmt: skip


def load(name):
    """`Architecture` of a profile name or of a `.json` / `.toml` file."""
    if name in PROFILES:
        return PROFILES[name]
    path = Path(name)
    if not path.is_file():
        raise ValueError(f"no profile or file {name!r}, wanted one of {sorted(PROFILES)} or a .json/.toml file")
    text = path.read_text()
    keys = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    keys = keys.get("model", keys)
    unknown = set(keys) - {field.name for field in dataclasses.fields(Architecture)}
    if unknown:
        raise ValueError(f"{path}: unknown architecture keys {sorted(unknown)}")
    return Architecture(**keys)
