"""gRPC for Sorcha Peer: the unary pipe, the classic services, and the endpoint that the stream pipe builds on."""
