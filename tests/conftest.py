"""How property tests run: without a deadline, because a busy machine is not a failure."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=5_000)  # pytest --hypothesis-profile=thorough
settings.load_profile("patient")
