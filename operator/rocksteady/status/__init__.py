"""How conditions are kept: pure merging of what is true now into what was reported before."""
