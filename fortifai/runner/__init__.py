"""Running a plan: executors, the run folder that a run can be resumed from, and progress."""
