"""A stand-in for vLLM whose speed, errors and ends are set by flags: no model, no GPU, no weights.

It speaks vLLM's command line, HTTP API and metrics, so that rollouts can be tried on many revisions
at many requests per second on a small machine. What it answers means
nothing, unless it is given a table of answers.
"""
