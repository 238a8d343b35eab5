"""The roles plugins play, one a file; each docstring is the contract."""
