"""Read TFRecord files of tf.train.Example without TensorFlow.

The container is a list of frames: length (8 bytes), its checksum (4), the record, its checksum (4),
all little-endian. The checksum of the length is checked, so that a damaged or foreign file is not
read on; a damaged record shows when it is parsed. The message is protobuf's, declared here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from stages.engine.files import open_regular
from stages.engine.workspace import FactoryError

MAX_RECORD_BYTES = 64 * 2**20
_POINTER = b"version https://git-lfs"
_CASTAGNOLI = 0x82F63B78
Features = dict[str, list[Any]]


def read_records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the offset and the bytes of each record.

    Raises:
        FactoryError: the file cannot be read, is a Git LFS pointer, is no TFRecord file, or ends
            early.
    """
    try:
        with open_regular(path) as file:
            if file.read(len(_POINTER)) == _POINTER:
                raise FactoryError(
                    f"{path} is a Git LFS pointer: fetch the file with `git lfs pull`"
                )
            file.seek(0)
            while (frame := _read_frame(file, path)) is not None:
                yield frame
    except OSError as error:
        raise FactoryError(f"{path}: {error.strerror}") from error


def read_record(path: Path, offset: int) -> bytes:
    """Read the record whose frame starts at `offset`. Raises like `read_records`."""
    with open_regular(path) as file:
        file.seek(offset)
        frame = _read_frame(file, path)
    if frame is None:
        raise FactoryError(f"{path} ends before byte {offset}: it was changed meanwhile")
    return frame[1]


def _read_frame(file: IO[bytes], path: Path) -> tuple[int, bytes] | None:
    offset = file.tell()
    head = file.read(12)
    if not head:
        return None
    if len(head) < 12:
        raise FactoryError(f"{path} ends early, at byte {offset}")
    length, checksum = struct.unpack("<QI", head)
    if checksum != masked_crc(head[:8]):
        raise FactoryError(f"{path} is no TFRecord file, or damaged at byte {offset}")
    if length > MAX_RECORD_BYTES:
        raise FactoryError(f"{path}: the record at byte {offset} has {length:,} bytes")
    data = file.read(length + 4)
    if len(data) < length + 4:
        raise FactoryError(f"{path} ends early, in the record at byte {offset}")
    return offset, data[:length]


def masked_crc(data: bytes) -> int:
    """Compute TFRecord's checksum of a few bytes: CRC-32C, rotated by 15 bits, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _table()[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (_CASTAGNOLI if value & 1 else 0)
        table.append(value)
    return table


def parse_example(record: bytes) -> Features:
    """Parse a tf.train.Example: feature name to its values (bytes, floats or integers).

    Raises:
        ValueError: it is none.
    """
    message = example_class()()
    try:
        message.ParseFromString(record)
    except DecodeError as error:
        raise ValueError(f"no tf.train.Example: {error}") from error
    found: Features = {}
    for name, feature in message.features.feature.items():
        kind = feature.WhichOneof("kind")
        found[name] = list(getattr(feature, kind).value) if kind else []
    return found


@cache
def example_class() -> Any:
    """Return the message class of tf.train.Example, declared as in TensorFlow's example.proto and
    feature.proto."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="flawfactory/example.proto", package="tensorflow", syntax="proto3"
    )
    for name, kind in (
        ("BytesList", field.TYPE_BYTES),
        ("FloatList", field.TYPE_FLOAT),
        ("Int64List", field.TYPE_INT64),
    ):
        file.message_type.add(name=name).field.add(
            name="value", number=1, type=kind, label=field.LABEL_REPEATED
        )
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, kind in enumerate(("Bytes", "Float", "Int64"), start=1):
        feature.field.add(
            name=f"{kind.lower()}_list",
            number=number,
            type=field.TYPE_MESSAGE,
            type_name=f".tensorflow.{kind}List",
            label=field.LABEL_OPTIONAL,
            oneof_index=0,
        )
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(
        name="value",
        number=2,
        type=field.TYPE_MESSAGE,
        type_name=".tensorflow.Feature",
        label=field.LABEL_OPTIONAL,
    )
    features.field.add(
        name="feature",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=".tensorflow.Features.FeatureEntry",
        label=field.LABEL_REPEATED,
    )
    file.message_type.add(name="Example").field.add(
        name="features",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=".tensorflow.Features",
        label=field.LABEL_OPTIONAL,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))
