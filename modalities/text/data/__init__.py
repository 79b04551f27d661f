"""Real texts: where they come from, how they are split, and how they are cut into blocks of tokens."""
