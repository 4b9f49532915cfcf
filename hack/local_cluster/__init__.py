"""A real single-node Kubernetes on this machine, without a container registry.

By hand: `python -m hack.local_cluster up`. For tests that need an API server and no node:
`hack.local_cluster.control_plane.api_server`.
"""
