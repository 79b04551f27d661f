"""Trajectories from anywhere, made into one tidy table and grouped into chains. Imports no torch."""
