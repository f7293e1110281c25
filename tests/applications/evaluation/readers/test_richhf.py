import pytest
from benchmark_files import frame, heat_map, rich_record, write_picture

from applications.evaluation.readers import detect_form
from applications.evaluation.truth import fit
from stages.engine.workspace import FactoryError


@pytest.fixture
def folder(tmp_path):
    def write(*records, split="made"):
        (tmp_path / f"{split}.tfrecord").write_bytes(b"".join(map(frame, records)))
        return tmp_path

    return write


def test_the_map_becomes_mask_and_boxes_at_the_pictures_size(read, folder):
    path = folder(rich_record("test/0a.png", heat_map(box=(0, 0, 256, 128))))
    write_picture(path / "test" / "0a.png", size=(1024, 512))
    assert detect_form(path) == "richhf"
    [example] = read("richhf", path).examples
    assert (example.key, example.label, example.split) == ("test/0a.png", "flawed", "made")
    picture, problems = fit(example, (1024, 512))
    assert not problems
    [region] = picture.example.regions
    assert region.box == pytest.approx((0, 0, 512, 128), abs=2)
    assert picture.mask.sum() == pytest.approx(512 * 128, rel=0.02)


@pytest.mark.parametrize(
    ("value", "label"), [(0, "clean"), (60, "unknown"), (76, "unknown"), (77, "flawed")]
)
def test_the_label_follows_the_strongest_mark(read, folder, value, label):
    path = folder(rich_record("0a.png", heat_map(box=(3, 3, 9, 9), value=value)))
    write_picture(path / "0a.png")
    assert [example.label for example in read("richhf", path).examples] == [label]


def test_what_cannot_be_used_is_named(read, kinds, folder):
    path = folder(
        rich_record("gone.png", heat_map(box=(0, 0, 9, 9))),
        rich_record("0a.png", b"no picture"),
        b"\x0a\xff\xff",
        split="test",
    )
    found = read("richhf", path)
    assert not found.examples
    assert [kind for kind, _ in kinds(found)] == [
        "missing picture", "bad label", "bad label", "bad label",
    ]  # fmt: skip
    assert "3 records, 955 in the published file" in found.problems[-1].message


def test_an_unknown_split_is_an_error(read, folder):
    with pytest.raises(FactoryError, match="no split 'dev': it has made"):
        read("richhf", folder(rich_record("a", heat_map())), "dev")
