from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from stages.engine.stage import RejectPhoto
from stages.ingest.containers.webp import decode, ends_early, strip


def test_metadata_is_separated_and_kept(make):
    exif = Image.Exif()
    exif[0x0112] = 6
    stripped = strip(make(1, "WEBP", exif=exif, icc_profile=b"a profile", xmp=b"<x/>"))
    assert (stripped.icc, stripped.xmp) == (b"a profile", b"<x/>")
    assert stripped.exif and stripped.exif[:2] in (b"II", b"MM")
    assert b"profile" not in stripped.pixels and b"EXIF" not in stripped.pixels
    plain = decode(strip(make(1, "WEBP")).pixels)
    assert np.array_equal(np.asarray(decode(stripped.pixels)), np.asarray(plain))


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_pixels_equal_pillows(make, lossless, alpha):
    image = Image.open(io.BytesIO(make(1)))
    if alpha:
        image.putalpha(image.getchannel("R"))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=lossless, quality=80)
    found = decode(strip(buffer.getvalue()).pixels)
    assert np.array_equal(np.asarray(found), np.asarray(Image.open(buffer)))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("options", [{"quality": 60}, {"quality": 90}, {"lossless": True}])
def test_undamaged_picture_needs_its_last_bytes(make, seed, options):
    assert not ends_early(strip(make(seed, "WEBP", **options)).pixels)


def test_image_data_that_ends_early_is_detected(make):
    webp = strip(make(1, "WEBP")).pixels
    size = int.from_bytes(webp[16:20], "little")
    more = webp[:16] + (size + 40).to_bytes(4, "little") + webp[20:] + bytes(40)
    assert ends_early(strip(more).pixels)


def test_truncated_file_is_refused(make):
    with pytest.raises(RejectPhoto) as out:
        strip(make(1, "WEBP")[:-50])
    assert out.value.code == "truncated"
