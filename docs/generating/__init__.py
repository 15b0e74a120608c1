"""The pages of the reference, each a function that gives its text."""
