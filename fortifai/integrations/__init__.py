"""The objectives for people who train with somebody else's loop. Each module needs the library that it is named after."""
