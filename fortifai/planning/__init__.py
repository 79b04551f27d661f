"""From a suite file to chains: validated regimes, identities, what is missing here, and what it costs."""
