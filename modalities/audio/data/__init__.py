"""Where clips come from, and how they are split by speaker."""
