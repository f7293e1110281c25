from stages.records.seeding import generator, seed_for


def test_seeds_are_pinned():
    """Other values would change every data set."""
    assert seed_for(7, "00112233aabbccdd", "v0", "mapping") == 7241014770300425529
    assert generator(7, "00112233aabbccdd").integers(0, 1000, 4).tolist() == [422, 760, 897, 879]


def test_seeds_differ_by_every_name_and_its_boundaries():
    seeds = [
        seed_for(0, "ab", "c"),
        seed_for(0, "a", "bc"),
        seed_for(0, "abc"),
        seed_for(1, "ab", "c"),
        seed_for(0, "c", "ab"),
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
