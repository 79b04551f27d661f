"""Trajectories from anywhere, made into curves and grouped into chains. Imports neither torch nor pandas."""
