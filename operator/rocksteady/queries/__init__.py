"""How signals are read: what is asked of Prometheus, and how its samples become counts. Pure."""
