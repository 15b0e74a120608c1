"""`featc plan` and `featc diff`: what an edit means, what would have to run, and who is affected. Writes nothing."""

from featc.runtime.planning.plan import Plan as Plan
from featc.runtime.planning.plan import difference as difference
from featc.runtime.planning.plan import plan as plan
from featc.runtime.planning.plan import unlocked_findings as unlocked_findings
