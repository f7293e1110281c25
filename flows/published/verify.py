"""Verify a published data set: every byte, every record, and what holds over the whole set."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from flows.published import checks
from flows.published.described import check_described
from flows.published.location import Location
from flows.published.manifest import Manifest, Promise, read_manifest
from flows.published.shards import HashingReader, read_part, stream
from stages.engine.files import parse_json
from stages.engine.storage.shard import group_entries
from stages.engine.storage.tables import MANIFEST
from stages.engine.storage.ustar import Entry
from stages.engine.workspace import FactoryError
from stages.package import attribution
from stages.package.assemble import CARD, INDEX
from stages.records.seeding import seed_for

_MAX_ATTRIBUTION = 2**30
MAX_PROBLEMS = 1000
"""Problems after which verification stops: the copy is then damaged as a whole."""
ELSEWHERE = "is not at the bytes that the manifest lists"


@dataclass(frozen=True)
class Finding:
    """Something wrong with a published data set."""

    shard: str
    """File name of the shard, or of another file of the data set."""
    key: str
    """The pair; empty if it concerns the whole file."""
    member: str
    problem: str

    def __str__(self) -> str:
        place = ": ".join(filter(None, (self.shard, self.key, self.member)))
        return f"{place}: {self.problem}"

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return asdict(self)


def verify_copy(
    target: str, sample: int = 0, report: Callable[[int, int], None] = lambda done, total: None
) -> tuple[int, list[Finding]]:
    """Verify a folder, a URL or a single shard.

    Args:
        target: folder or URL of a data set, or of one of its shards.
        sample: number of pairs to check, drawn by their keys; 0 = all. Only their bytes are read,
            unless a server sends whole files only; what is between them is not checked.
        report: receives the number of pairs checked and that of all to check.

    Returns:
        Number of pairs checked, and what is wrong.

    Raises:
        FactoryError: there is no manifest to verify against.
    """
    location, only = Location.of(target)
    manifest = read_manifest(location)
    shards = manifest.shards()
    if only and only not in shards:
        raise FactoryError(f"the manifest lists no shard {only}")
    if only:
        shards = {only: shards[only]}
    keys = sorted(key for pairs in shards.values() for key in pairs)
    if sample:
        keys = sorted(keys, key=lambda key: seed_for(0, key, "verify"))[:sample]
    wanted = frozenset(keys)
    index = _read_index(location)
    findings: list[Finding] = [] if only else list(_check_whole(location, manifest, index))
    done = 0
    for name, pairs in shards.items():
        chosen = wanted & pairs.keys()
        if not chosen:
            continue
        digest = None if index is None else index.digests.get(name, "")
        found = (
            _check_chosen(location, name, pairs, chosen)
            if sample
            else _check_shard(location, name, pairs, digest)
        )
        for finding in found:
            findings.append(finding)
            if len(findings) >= MAX_PROBLEMS:
                return done, findings
        done += len(chosen)
        report(done, len(wanted))
    return done, findings


def _check_shard(
    location: Location, name: str, pairs: dict[str, Promise], digest: str | None
) -> Iterator[Finding]:
    """Check a shard; its digest, if known, tells damage between the members."""
    limit = sum(len(promise.digests) for promise in pairs.values())
    seen: set[str] = set()
    sound = True
    try:
        with location.open(name) as opened:
            file = HashingReader(opened)
            for key, entries in group_entries(stream(file, limit)):
                repeated = key in seen
                seen.add(key)
                for member, problem in _check_pair(key, entries, pairs, repeated):
                    sound = False
                    yield Finding(name, key, member, problem)
                if sound and _is_elsewhere(entries, pairs[key]):  # as are those after it
                    sound = False
                    yield Finding(name, key, "", ELSEWHERE)
            if sound and digest is not None and file.hexdigest() != digest:
                yield Finding(name, "", "", f"its sha256 is not the one that {INDEX} lists")
    except FactoryError as error:
        yield Finding(name, "", "", str(error))
        return
    except (ValueError, OSError) as error:
        yield Finding(name, "", "", str(error))
    for key in sorted(pairs.keys() - seen):
        yield Finding(name, key, "", "is missing")


def _check_chosen(
    location: Location, name: str, pairs: dict[str, Promise], chosen: frozenset[str]
) -> Iterator[Finding]:
    """Check some pairs of a shard; if possible, only their bytes are read."""
    try:
        for key, entries in _read_chosen(location, name, pairs, chosen):
            problems = _check_pair(key, entries, pairs, False) if entries else [("", "is missing")]
            yield from (Finding(name, key, member, problem) for member, problem in problems)
            if entries and _is_elsewhere(entries, pairs[key]):
                yield Finding(name, key, "", ELSEWHERE)
    except (FactoryError, ValueError, OSError) as error:
        yield Finding(name, "", "", str(error))


def _read_chosen(
    location: Location, name: str, pairs: dict[str, Promise], chosen: frozenset[str]
) -> Iterator[tuple[str, list[Entry]]]:
    """Yield pairs of a shard with their entries; none for a pair that is missing.

    Those whose place the manifest does not have, or where it is another pair's, are looked for.
    """
    lost = set(chosen)
    with location.open(name, in_parts=True) as file:
        for key in sorted(chosen):
            if (place := pairs[key].place) is None:
                continue
            with suppress(ValueError, OSError):  # such as a server that sends whole files only
                entries = read_part(file, place)
                if {entry.name.partition(".")[0] for entry in entries} == {key}:
                    yield key, entries
                    lost.remove(key)
    if not lost:
        return
    limit = sum(len(promise.digests) for promise in pairs.values())
    with location.open(name) as file:
        entries = stream(file, limit, lambda name: name.partition(".")[0] in lost)
        for key, group in group_entries(entries):
            if key in lost:
                yield key, group
                lost.remove(key)
    yield from ((key, []) for key in sorted(lost))


def _is_elsewhere(entries: list[Entry], promise: Promise) -> bool:
    """Whether a pair is not where the manifest says."""
    return promise.place not in (None, (entries[0].start, entries[-1].stop))


def _check_pair(
    key: str, entries: list[Entry], pairs: dict[str, Promise], repeated: bool
) -> Iterator[checks.Problem]:
    bad = [(entry.name, entry.problem) for entry in entries if entry.problem]
    yield from bad
    if bad:
        return
    if key not in pairs or repeated:
        yield "", "is there twice" if repeated else "is not in the manifest"
        return
    names = [entry.name.split(".", 1)[-1] for entry in entries]
    if len(set(names)) < len(names):
        yield "", "has a member twice"
        return
    members = dict(zip(names, (entry.data for entry in entries), strict=True))
    problems = list(checks.check_digests(members, pairs[key]))
    yield from problems
    if not problems:
        yield from checks.check_contents(key, members, pairs[key])


@dataclass(frozen=True)
class _Index:
    """What ``_info.json`` says of the shards, by file name."""

    lengths: dict[str, int]
    digests: dict[str, str]


def _read_index(location: Location) -> _Index | None:
    """Read ``_info.json``; None if it is missing or not an index of shards."""
    try:
        splits = list(parse_json(location.read(INDEX, 2**26))["splits"].values())
        lengths, digests = (
            {
                name: value
                for split in splits
                for name, value in zip(split["filenames"], split[field], strict=True)
            }
            for field in ("shard_lengths", "shard_sha256")
        )
    except (FactoryError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return _Index(lengths, digests)


def _check_whole(location: Location, manifest: Manifest, index: _Index | None) -> Iterator[Finding]:
    """Check what holds over the whole set: splits, the index, the card's counts."""
    splits: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for promise in manifest.pairs.values():
        splits[promise.group].add(promise.split)
        counts[promise.split] += 1
    for group, names in sorted(splits.items()):
        if len(names) > 1:
            words = " and ".join(sorted(names))
            yield Finding(MANIFEST, "", "", f"near duplicates {group} are in {words}")
    if index is None:
        yield Finding(INDEX, "", "", "is missing, or no index with the shards' sha256")
    else:
        yield from _check_index(manifest, index)
    try:
        card = location.read(CARD, 2**20).decode("utf-8", "replace")
    except FactoryError as error:
        yield Finding(CARD, "", "", str(error))
        return
    for split, count in sorted(counts.items()):
        row = re.search(rf"^\| {split} \| (\d+) \|", card, re.MULTILINE)
        if row is None or int(row[1]) != count:
            said = row[1] if row else "no number"
            yield Finding(CARD, "", "", f"says {said} for {split}, the manifest has {count} pairs")
    yield from _check_attribution(location, manifest)
    for name, problem in check_described(location, manifest):
        yield Finding(name, "", "", problem)


def _check_attribution(location: Location, manifest: Manifest) -> Iterator[Finding]:
    """Check that every photo is attributed, unless the data set is older than attributions."""
    rows = [row for promise in manifest.pairs.values() for row in promise.flaws]
    keys = {row["key"] for row in rows if "creator" in row}
    if not keys:
        return
    try:
        content = location.read(attribution.FILE, _MAX_ATTRIBUTION)
    except FactoryError as error:
        yield Finding(attribution.FILE, "", "", str(error))
        return
    listed = attribution.list_keys(content.decode("utf-8", "replace"))
    for key in sorted(keys - listed):
        yield Finding(attribution.FILE, "", "", f"does not list photo {key}")


def _check_index(manifest: Manifest, index: _Index) -> Iterator[Finding]:
    shards = {name: len(pairs) for name, pairs in manifest.shards().items()}
    for name in sorted(index.lengths.keys() | shards.keys()):
        if index.lengths.get(name) != shards.get(name):
            said, there = index.lengths.get(name, "no"), shards.get(name, "no")
            yield Finding(INDEX, "", name, f"says {said} pairs, the manifest has {there}")
