"""The card in the formats of others, and a crosswalk from other frames to the card."""
