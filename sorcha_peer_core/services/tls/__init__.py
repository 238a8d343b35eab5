"""Certificates of a node, whom it trusts, and the private authority that issues them. No transport is known here."""
