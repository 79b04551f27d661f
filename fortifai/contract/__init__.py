"""What an adapter answers, what it and a metric declare of themselves, and the data that passes between them and the protocol."""
