"""What a run leaves on disk: the schema of every file, where it lies, and how it is read. Imports neither torch nor pandas."""
