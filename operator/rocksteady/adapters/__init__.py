"""The world behind the ports: API server, Lease, Events, metrics, logs, clock."""
