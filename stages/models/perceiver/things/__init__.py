"""Find things other than people: salient regions, their names and parts."""
