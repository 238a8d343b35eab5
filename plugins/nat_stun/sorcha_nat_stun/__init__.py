"""The public address of a node behind NAT: asked of STUN servers and of HTTP lookup services."""
