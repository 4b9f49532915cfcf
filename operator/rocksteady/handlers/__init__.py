"""Kopf as watch plumbing: events become keys on the work queue, and nothing else."""
