"""What holds for every test: nothing of the user's surroundings, and no clock."""

from __future__ import annotations

import os

from hypothesis import settings

# A developer's own settings must neither be changed by a test nor decide one.
for variable in [name for name in os.environ if name.startswith("INTERLOCK_")]:
    del os.environ[variable]

settings.register_profile("interlock", deadline=None)  # how fast an example runs is the machine's affair
settings.load_profile("interlock")
