"""What a call costs, whatever else the machine does."""

import time
from collections.abc import Callable


def seconds(run: Callable[[], object]) -> float:
    """Return the processor time that a call takes."""
    start = time.process_time()
    run()
    return time.process_time() - start
