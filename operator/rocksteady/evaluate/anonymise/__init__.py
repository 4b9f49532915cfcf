"""Replace names, addresses and numbers of people in a file of items by placeholders.

`python -m rocksteady.evaluate.anonymise IN OUT` reads a file of items and writes them as JSON
Lines. Within an item the same name, address or number gets the same placeholder, such as
`<PERSON_1>`, in what the model is asked and in what its answer is compared with, so that a check
that expects the name still fits. The same file gives the same bytes every time.

An anonymiser finds most, not all: docs/evaluations.md has what it was measured to find. Nothing
that it finds is said anywhere: only how many there were of each kind.
"""
