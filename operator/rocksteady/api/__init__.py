"""The API: what a user writes (`v1alpha1`), the rules for it (`checks`), and the CRD of it."""
