"""The SYDA model checklist as a card: facts with their sources, status, page and JSON."""
