import json

from benchmarks.gallery import LOOKS, write_data
from flows.gallery.render import render


def test_the_synthetic_data_set_is_rendered_without_drawing(tmp_path):
    write_data(tmp_path / "data", tmp_path / "gallery", 30)
    drawn = {path.stat().st_ino for path in (tmp_path / "gallery" / "images").rglob("*/*/*.webp")}
    page = render(tmp_path / "data", tmp_path / "gallery")
    pictures = list((page.parent / "images").rglob("*/*/*.webp"))
    assert {path.stat().st_ino for path in pictures} == drawn
    assert sum(path.parts[-3] == "thumbs" for path in pictures) == 30 > LOOKS
    text = (page.parent / "data" / "meta.js").read_text()
    meta = json.loads(text.removeprefix('GALLERY.receive("meta",0,')[:-3])
    assert (meta["accepted"], meta["flaws"], meta["rejects"]["count"]) == (30, 30, 3)
    assert meta["review"]["data_set"]
