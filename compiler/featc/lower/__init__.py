"""Lower: from view parts to the two plans. `source` is shared; `training` and `online` each write one plan."""
