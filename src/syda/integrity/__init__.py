"""What a run left, held against itself: the checks of verify, and doctor's diagnosis and repair."""
