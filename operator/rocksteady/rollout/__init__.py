"""What should be: pure decisions from a frozen observation. No I/O, no clock, no log."""
