from __future__ import annotations

import pytest
from PIL import Image

from stages.engine.stage import RejectPhoto
from stages.ingest.containers.jpeg import MAX_SCANS, strip


def make_segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2) + body


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def test_metadata_is_separated_and_kept(make):
    exif = Image.Exif()
    exif[0x0112] = 6
    jpeg = make(1, "JPEG", exif=exif, comment=b"secret", icc_profile=b"a profile" * 9000)
    xmp = make_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation='6'/>")
    stripped = strip(with_segments(jpeg, xmp))
    assert stripped.icc == b"a profile" * 9000  # of two segments
    assert stripped.exif and stripped.exif[:2] in (b"II", b"MM")
    assert stripped.xmp == b"<x tiff:Orientation='6'/>"
    for word in (b"secret", b"profile", b"Exif", b"tiff"):
        assert word not in stripped.pixels
    assert stripped.pixels == strip(make(1, "JPEG")).pixels and not stripped.notes


def test_pictures_and_videos_after_the_photo_are_removed(make):
    assert strip(make(1, "JPEG") + make(2, "JPEG")).pixels == strip(make(1, "JPEG")).pixels


def test_thumbnail_in_the_metadata_counts_as_neither_scan_nor_end(make):
    thumbnail = make_segment(0xE5, make(2, "JPEG", size=(40, 30)))
    assert strip(with_segments(make(1, "JPEG"), thumbnail)).pixels == strip(make(1, "JPEG")).pixels


@pytest.mark.parametrize("progressive", [False, True])
def test_missing_end_marker_is_added_and_noted(make, progressive):
    jpeg = make(1, "JPEG", progressive=progressive)
    stripped = strip(jpeg[:-2])
    assert stripped.pixels == strip(jpeg).pixels
    assert stripped.notes == {"end_marker_missing"} and not strip(jpeg).notes


def test_scans_are_counted_before_they_are_decoded(make):
    jpeg = make(1, "JPEG", progressive=True)
    scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    with pytest.raises(RejectPhoto, match="100 scans") as out:
        strip(jpeg[:-2] + scan * MAX_SCANS + b"\xff\xd9")
    assert out.value.code == "too_many_scans"


def test_oversized_profile_is_ignored(make):
    assert strip(make(1, "JPEG", icc_profile=b"x" * (4 << 20))).icc
    stripped = strip(make(1, "JPEG", icc_profile=b"x" * ((4 << 20) + 1)))
    assert stripped.icc is None and stripped.notes == {"icc_profile_ignored"}


def test_broken_chain_of_segments_is_corrupt(make):
    for data in (b"\xff\xd8\xff\xe0\0\1" + bytes(20), b"\xff\xd8" + b"\xff\xe1\0\2" * 20_000):
        with pytest.raises(RejectPhoto) as out:
            strip(data)
        assert out.value.code == "corrupt"
