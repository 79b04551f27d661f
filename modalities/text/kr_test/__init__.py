"""The KR-test (knowledge retention) of the authors of TCE: its items, and the accuracy of a model on them."""
