"""Projects as users write them: each builds, its plans agree, and it answers, on made-up data of the obvious shape.

`projects/` holds the definitions; `made_up.py` says what the data of each looks like.
Of the eight, churn and credit are played in services/test_worked_states.py, and ads in attribution/test_ads.py.
"""
