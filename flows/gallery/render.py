"""Write the gallery: one page that works from ``file://``, without a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.gallery import collect
from flows.gallery.images import Pictures
from stages import STAGES
from stages.engine.files import write_atomically
from stages.tools import TOOLS

TEMPLATE = Path(__file__).with_name("template")


def script(data: dict[str, Any]) -> str:
    """Serialise `data` as a script that assigns it, since a page from ``file://`` may not fetch.

    The script is ASCII without ``<``, so that no name from a photo can end or change it.
    """
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return "window.GALLERY = " + text.replace("<", "\\u003c") + ";\n"


def render(data_dir: Path, out_dir: Path, stages: Sequence[str] = STAGES) -> Path:
    """Write the page for the stages' outputs below `data_dir`; return its ``index.html``.

    Stages that did not run are left out, so a failed build has a page too. For it, `stages` are
    those up to the failed one, since later outputs are those of an earlier build.
    """
    pictures = Pictures(out_dir / "images")
    items = [*collect.accepted_pairs(data_dir, pictures)] if "package" in stages else []
    items += collect.refused_variants(data_dir, pictures) if "filter" in stages else []
    content = {
        "items": items,
        "tools": list(TOOLS),
        "rejects": collect.list_rejects(data_dir, stages),
        "stages": collect.count_stages(data_dir, stages),
    }
    write_atomically(out_dir / "data.js", script(content).encode("ascii"))
    for source in sorted(TEMPLATE.iterdir()):
        write_atomically(out_dir / source.name, source.read_bytes())
    pictures.remove_unused()
    return out_dir / "index.html"
