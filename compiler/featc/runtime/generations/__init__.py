"""Generations of the online store: built beside the one that answers, swapped at once, and swapped back."""
