"""One chain: strategies, real data, nulls, and the protocol that advances generation by generation."""
