"""Exports of the data set to the formats of other tools: one file a format, one line each here."""

from __future__ import annotations

from importlib import import_module

from flows.exports.format import Format

EXPORTS: dict[str, str] = {
    "coco": "flows.exports.coco",
    "yolo": "flows.exports.yolo",
    "huggingface": "flows.exports.huggingface",
    "artibench": "flows.exports.artibench",
    "fiftyone": "flows.exports.fiftyone",
    "llama-factory": "flows.exports.chat.llama_factory",
    "trl": "flows.exports.chat.trl",
    "ms-swift": "flows.exports.chat.ms_swift",
}
"""Name of the format to the module that defines it as ``FORMAT``."""


def load_format(name: str) -> Format:
    """Return a format of `EXPORTS`."""
    return import_module(EXPORTS[name]).FORMAT
