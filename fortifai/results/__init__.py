"""What is stored and what is submitted: a versioned schema of every file, and the reading of it. Imports no torch.

`fortifai.results.schema` holds the models, `fortifai.results.reading` turns files into one tidy table of trajectories, and
`fortifai.results.table` gives a score table as text.
"""
