"""Management API of a node: what operators, applications and the command line ask a running node, over HTTP."""
