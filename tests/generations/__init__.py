"""Generations of the online store: apply, rollback and gc, and what comes in meanwhile."""
