from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MessageType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNKNOWN: _ClassVar[MessageType]
    TRANSACTION_NOTIFICATION: _ClassVar[MessageType]
    TRANSACTION_REQUEST: _ClassVar[MessageType]
    TRANSACTION_RESPONSE: _ClassVar[MessageType]
    PEER_STATUS_UPDATE: _ClassVar[MessageType]
    HEARTBEAT: _ClassVar[MessageType]
    BLS_KEY_SHARE_DISTRIBUTION: _ClassVar[MessageType]
    BLS_PARTIAL_SIGNATURE: _ClassVar[MessageType]
    SESSION_BATCH: _ClassVar[MessageType]
UNKNOWN: MessageType
TRANSACTION_NOTIFICATION: MessageType
TRANSACTION_REQUEST: MessageType
TRANSACTION_RESPONSE: MessageType
PEER_STATUS_UPDATE: MessageType
HEARTBEAT: MessageType
BLS_KEY_SHARE_DISTRIBUTION: MessageType
BLS_PARTIAL_SIGNATURE: MessageType
SESSION_BATCH: MessageType

class PeerMessage(_message.Message):
    __slots__ = ("sender_peer_id", "recipient_peer_id", "message_type", "payload", "timestamp", "link_token", "batch_number", "wait_ms", "close")
    SENDER_PEER_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_PEER_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_TYPE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    LINK_TOKEN_FIELD_NUMBER: _ClassVar[int]
    BATCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    sender_peer_id: str
    recipient_peer_id: str
    message_type: MessageType
    payload: bytes
    timestamp: int
    link_token: bytes
    batch_number: int
    wait_ms: int
    close: bool
    def __init__(self, sender_peer_id: _Optional[str] = ..., recipient_peer_id: _Optional[str] = ..., message_type: _Optional[_Union[MessageType, str]] = ..., payload: _Optional[bytes] = ..., timestamp: _Optional[int] = ..., link_token: _Optional[bytes] = ..., batch_number: _Optional[int] = ..., wait_ms: _Optional[int] = ..., close: bool = ...) -> None: ...

class MessageAck(_message.Message):
    __slots__ = ("received", "timestamp", "link_token", "batch_number", "batch", "closed")
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    LINK_TOKEN_FIELD_NUMBER: _ClassVar[int]
    BATCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    received: bool
    timestamp: int
    link_token: bytes
    batch_number: int
    batch: bytes
    closed: bool
    def __init__(self, received: bool = ..., timestamp: _Optional[int] = ..., link_token: _Optional[bytes] = ..., batch_number: _Optional[int] = ..., batch: _Optional[bytes] = ..., closed: bool = ...) -> None: ...
