"""Command line: `python -m hack.local_cluster up|down|status|logs|kubeconfig|...`."""

from hack.local_cluster.cli import main

main(prog_name="python -m hack.local_cluster")
