"""REST for Sorcha Peer: links over HTTP requests with a long poll, and the published endpoints for other clients."""
