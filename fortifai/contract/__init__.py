"""What an adapter answers, and the data that passes between it, the protocol and the metrics."""
