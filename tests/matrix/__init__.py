"""Every aggregate over every kind of window, of rows that came in order, late, corrected, moved and deleted.

One case (`random_projects.model.Case`) for each kind of window: a view with every aggregate, five entities to each of
which one thing happened, and probes before and after it. Both plans are compared with the oracle.
"""
