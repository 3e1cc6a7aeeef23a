"""``syda verify`` and ``syda doctor``: check and repair what a run left."""
