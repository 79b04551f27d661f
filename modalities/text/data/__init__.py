"""Real texts: where they come from, and how they are cut into blocks and split."""
