"""``python -m syda`` is ``syda``."""

from syda.cli import main

main()
