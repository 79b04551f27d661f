"""From a suite file to chains: validated regimes, what each chain is, what this machine lacks, and what the rest will cost."""
