"""The training plan: one point-in-time correct query for a list of features. `query` puts it together."""

from featc.lower.training.knowledge import LATEST, Knowledge
from featc.lower.training.query import feature_sql, stages, training_sql, wanted

__all__ = ["LATEST", "Knowledge", "feature_sql", "stages", "training_sql", "wanted"]
