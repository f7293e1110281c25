import pytest

from stages.package.members import find_member, get_picture, list_members, member_name


@pytest.mark.parametrize("image_format", ["png", "webp"])
def test_members_are_sorted_and_masks_are_always_png(image_format) -> None:
    names = list_members(image_format)
    assert list(names) == sorted(names) and len(names) == 7
    assert {"json", "edit.png", "flaws.png", "mask.png", f"real.{image_format}"} < set(names)


@pytest.mark.parametrize("image_format", ["png", "webp"])
def test_a_picture_is_found_under_the_name_that_it_has(image_format) -> None:
    members = {name: name.encode() for name in list_members(image_format)}
    for picture in ("real", "artifact", "control", "mask", "edit", "flaws"):
        name = member_name(picture, image_format)
        assert find_member(picture, members) == name
        assert get_picture(members, picture) == name.encode()


def test_a_missing_picture_is_named_as_png() -> None:
    with pytest.raises(KeyError, match=r"real\.png"):
        get_picture({"json": b""}, "real")
