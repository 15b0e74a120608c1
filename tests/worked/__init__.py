"""Projects as users write them: each builds, its plans agree, and it answers, on made-up data of the obvious shape.

`projects/` holds the definitions; `made_up.py` says what the data of each looks like.
"""
