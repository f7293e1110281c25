import pytest
from benchmark_files import frame

from applications.evaluation.readers import tfrecord
from stages.engine.workspace import FactoryError


def test_the_checksum_is_the_published_one():
    # CRC-32C of "123456789" is e3069283 (RFC 3720's polynomial); TFRecord rotates it by 15 bits and
    # adds a282ead8.
    crc = 0xE3069283
    rotated = ((crc >> 15) | (crc << 17)) & 0xFFFFFFFF
    assert tfrecord.masked_crc(b"123456789") == (rotated + 0xA282EAD8) & 0xFFFFFFFF


def test_records_are_read_in_order_and_alone(tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(frame(b"one") + frame(b"") + frame(b"three"))
    found = list(tfrecord.read_records(path))
    assert [record for _, record in found] == [b"one", b"", b"three"]
    assert [tfrecord.read_record(path, offset) for offset, _ in found] == [b"one", b"", b"three"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"some text that is no record at all", "no TFRecord file"),
        (frame(b"one")[:-2], "ends early"),
        (frame(b"one") + b"\1\2\3", "ends early"),
    ],
)
def test_another_file_is_an_error(tmp_path, data, message):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(data)
    with pytest.raises(FactoryError, match=message):
        list(tfrecord.read_records(path))


def test_a_long_record_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord, "MAX_RECORD_BYTES", 2)
    path = tmp_path / "a.tfrecord"
    path.write_bytes(frame(b"one"))
    with pytest.raises(FactoryError, match="has 3 bytes"):
        list(tfrecord.read_records(path))


def test_features_of_every_kind():
    message = tfrecord.example_class()()
    message.features.feature["a"].bytes_list.value.extend([b"x", b"y"])
    message.features.feature["b"].float_list.value.append(0.5)
    message.features.feature["c"].int64_list.value.append(-7)
    message.features.feature["d"].SetInParent()
    assert tfrecord.parse_example(message.SerializeToString()) == {
        "a": [b"x", b"y"], "b": [0.5], "c": [-7], "d": [],
    }  # fmt: skip


def test_a_hand_encoded_message_is_parsed():
    """The bytes of {"a": bytes_list ["x"]}, from example.proto and feature.proto."""
    feature = b"\x0a\x03\x0a\x01x"  # bytes_list = 1 { value = 1 "x" }
    entry = b"\x0a\x01a" + b"\x12" + bytes([len(feature)]) + feature
    features = b"\x0a" + bytes([len(entry)]) + entry
    record = b"\x0a" + bytes([len(features)]) + features
    assert tfrecord.parse_example(record) == {"a": [b"x"]}


def test_what_is_no_message_is_an_error():
    with pytest.raises(ValueError, match="no tf"):
        tfrecord.parse_example(b"\x0a\xff\xff")
