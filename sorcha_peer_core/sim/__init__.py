"""The shipped protocol in virtual time: what is found out here is true of the nodes that run."""
