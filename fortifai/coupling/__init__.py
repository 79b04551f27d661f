"""Wide models built from narrow ones: the setting, what its passes cost, and how weights are coupled."""
