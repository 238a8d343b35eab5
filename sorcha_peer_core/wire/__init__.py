"""The only place that knows protobuf: dataclasses to bytes and back, with limits checked first."""
