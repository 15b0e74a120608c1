"""What is done with a training set once it can be computed: files, cards, statistics, and how it shows itself.

`runtime/dataset.py` holds the set; the modules here take its SQL and connection and know nothing of features' insides.
"""
