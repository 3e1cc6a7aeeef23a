"""The page on which synthetic volumes are looked at beside real ones."""
