"""``syda fetch``: public scans as a data version, from a pinned list of series."""
