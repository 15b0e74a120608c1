"""Resolve: names bound, types known, windows numbers. See `model` for the representation."""
