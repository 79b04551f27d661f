"""The metrics of texts: what they are (declared), and how they are computed, by what they look at."""
