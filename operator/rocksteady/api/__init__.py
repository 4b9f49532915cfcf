"""The API: what a user writes (`v1alpha1`), what is valid (`validation`), and the CRD of it."""
