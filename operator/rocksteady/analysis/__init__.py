"""How a canary is judged: pure statistics on counted requests. No I/O, no clock, no log."""
