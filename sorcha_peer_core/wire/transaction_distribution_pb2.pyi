from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class TransactionNotification(_message.Message):
    __slots__ = ("transaction_hash", "sender_peer_id", "timestamp", "transaction_size", "register_id")
    TRANSACTION_HASH_FIELD_NUMBER: _ClassVar[int]
    SENDER_PEER_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_SIZE_FIELD_NUMBER: _ClassVar[int]
    REGISTER_ID_FIELD_NUMBER: _ClassVar[int]
    transaction_hash: str
    sender_peer_id: str
    timestamp: int
    transaction_size: int
    register_id: str
    def __init__(self, transaction_hash: _Optional[str] = ..., sender_peer_id: _Optional[str] = ..., timestamp: _Optional[int] = ..., transaction_size: _Optional[int] = ..., register_id: _Optional[str] = ...) -> None: ...

class NotificationAck(_message.Message):
    __slots__ = ("already_known", "will_request")
    ALREADY_KNOWN_FIELD_NUMBER: _ClassVar[int]
    WILL_REQUEST_FIELD_NUMBER: _ClassVar[int]
    already_known: bool
    will_request: bool
    def __init__(self, already_known: bool = ..., will_request: bool = ...) -> None: ...

class TransactionRequest(_message.Message):
    __slots__ = ("transaction_hash", "requesting_peer_id", "register_id")
    TRANSACTION_HASH_FIELD_NUMBER: _ClassVar[int]
    REQUESTING_PEER_ID_FIELD_NUMBER: _ClassVar[int]
    REGISTER_ID_FIELD_NUMBER: _ClassVar[int]
    transaction_hash: str
    requesting_peer_id: str
    register_id: str
    def __init__(self, transaction_hash: _Optional[str] = ..., requesting_peer_id: _Optional[str] = ..., register_id: _Optional[str] = ...) -> None: ...

class TransactionResponse(_message.Message):
    __slots__ = ("transaction_hash", "transaction_data", "found")
    TRANSACTION_HASH_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_DATA_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    transaction_hash: str
    transaction_data: bytes
    found: bool
    def __init__(self, transaction_hash: _Optional[str] = ..., transaction_data: _Optional[bytes] = ..., found: bool = ...) -> None: ...

class TransactionChunk(_message.Message):
    __slots__ = ("transaction_hash", "chunk_index", "total_chunks", "chunk_data")
    TRANSACTION_HASH_FIELD_NUMBER: _ClassVar[int]
    CHUNK_INDEX_FIELD_NUMBER: _ClassVar[int]
    TOTAL_CHUNKS_FIELD_NUMBER: _ClassVar[int]
    CHUNK_DATA_FIELD_NUMBER: _ClassVar[int]
    transaction_hash: str
    chunk_index: int
    total_chunks: int
    chunk_data: bytes
    def __init__(self, transaction_hash: _Optional[str] = ..., chunk_index: _Optional[int] = ..., total_chunks: _Optional[int] = ..., chunk_data: _Optional[bytes] = ...) -> None: ...
