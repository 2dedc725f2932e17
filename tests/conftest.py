"""Properties are tried on the same examples everywhere, and however long a slow machine takes for one.

``TALLYSTICK_EXAMPLES=exploring`` looks for new ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fixed", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("exploring", settings.get_profile("fixed"), derandomize=False)
settings.load_profile(os.environ.get("TALLYSTICK_EXAMPLES", "fixed"))
