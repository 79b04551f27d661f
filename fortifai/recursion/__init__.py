"""One chain: its real data, its strategy, and the protocol that advances it generation by generation."""
