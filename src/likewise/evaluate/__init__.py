"""Honest evaluation: full ranking of held-out users, intervals, and words for what is real."""
