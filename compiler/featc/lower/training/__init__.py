"""The training plan: one point-in-time correct query for a list of features. `query` puts it together."""

from featc.lower.training.knowledge import LATEST, Knowledge
from featc.lower.training.query import stages, training_sql, wanted
from featc.lower.training.views import feature_sql

__all__ = ["LATEST", "Knowledge", "feature_sql", "stages", "training_sql", "wanted"]
