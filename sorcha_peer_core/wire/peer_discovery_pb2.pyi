from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PeerStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNKNOWN: _ClassVar[PeerStatus]
    ONLINE: _ClassVar[PeerStatus]
    OFFLINE: _ClassVar[PeerStatus]
    BUSY: _ClassVar[PeerStatus]
UNKNOWN: PeerStatus
ONLINE: PeerStatus
OFFLINE: PeerStatus
BUSY: PeerStatus

class PeerListRequest(_message.Message):
    __slots__ = ("requesting_peer_id", "max_peers")
    REQUESTING_PEER_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_PEERS_FIELD_NUMBER: _ClassVar[int]
    requesting_peer_id: str
    max_peers: int
    def __init__(self, requesting_peer_id: _Optional[str] = ..., max_peers: _Optional[int] = ...) -> None: ...

class PeerListResponse(_message.Message):
    __slots__ = ("peers", "total_peers")
    PEERS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PEERS_FIELD_NUMBER: _ClassVar[int]
    peers: _containers.RepeatedCompositeFieldContainer[PeerInfo]
    total_peers: int
    def __init__(self, peers: _Optional[_Iterable[_Union[PeerInfo, _Mapping]]] = ..., total_peers: _Optional[int] = ...) -> None: ...

class PeerInfo(_message.Message):
    __slots__ = ("peer_id", "address", "port", "supported_protocols", "last_seen", "capabilities", "advertised_registers", "is_seed_node")
    PEER_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_PROTOCOLS_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    ADVERTISED_REGISTERS_FIELD_NUMBER: _ClassVar[int]
    IS_SEED_NODE_FIELD_NUMBER: _ClassVar[int]
    peer_id: str
    address: str
    port: int
    supported_protocols: _containers.RepeatedScalarFieldContainer[str]
    last_seen: int
    capabilities: PeerCapabilities
    advertised_registers: _containers.RepeatedCompositeFieldContainer[PeerRegisterAdvertisement]
    is_seed_node: bool
    def __init__(self, peer_id: _Optional[str] = ..., address: _Optional[str] = ..., port: _Optional[int] = ..., supported_protocols: _Optional[_Iterable[str]] = ..., last_seen: _Optional[int] = ..., capabilities: _Optional[_Union[PeerCapabilities, _Mapping]] = ..., advertised_registers: _Optional[_Iterable[_Union[PeerRegisterAdvertisement, _Mapping]]] = ..., is_seed_node: bool = ...) -> None: ...

class PeerCapabilities(_message.Message):
    __slots__ = ("supports_streaming", "supports_transaction_distribution", "max_transaction_size")
    SUPPORTS_STREAMING_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_TRANSACTION_DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    MAX_TRANSACTION_SIZE_FIELD_NUMBER: _ClassVar[int]
    supports_streaming: bool
    supports_transaction_distribution: bool
    max_transaction_size: int
    def __init__(self, supports_streaming: bool = ..., supports_transaction_distribution: bool = ..., max_transaction_size: _Optional[int] = ...) -> None: ...

class PeerRegisterAdvertisement(_message.Message):
    __slots__ = ("register_id", "has_full_replica", "latest_version", "is_public")
    REGISTER_ID_FIELD_NUMBER: _ClassVar[int]
    HAS_FULL_REPLICA_FIELD_NUMBER: _ClassVar[int]
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    IS_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    register_id: str
    has_full_replica: bool
    latest_version: int
    is_public: bool
    def __init__(self, register_id: _Optional[str] = ..., has_full_replica: bool = ..., latest_version: _Optional[int] = ..., is_public: bool = ...) -> None: ...

class RegisterPeerRequest(_message.Message):
    __slots__ = ("peer_info",)
    PEER_INFO_FIELD_NUMBER: _ClassVar[int]
    peer_info: PeerInfo
    def __init__(self, peer_info: _Optional[_Union[PeerInfo, _Mapping]] = ...) -> None: ...

class RegisterPeerResponse(_message.Message):
    __slots__ = ("success", "message")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    success: bool
    message: str
    def __init__(self, success: bool = ..., message: _Optional[str] = ...) -> None: ...

class PingRequest(_message.Message):
    __slots__ = ("peer_id",)
    PEER_ID_FIELD_NUMBER: _ClassVar[int]
    peer_id: str
    def __init__(self, peer_id: _Optional[str] = ...) -> None: ...

class PingResponse(_message.Message):
    __slots__ = ("peer_id", "timestamp", "status")
    PEER_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    peer_id: str
    timestamp: int
    status: PeerStatus
    def __init__(self, peer_id: _Optional[str] = ..., timestamp: _Optional[int] = ..., status: _Optional[_Union[PeerStatus, str]] = ...) -> None: ...

class PeerExchangeRequest(_message.Message):
    __slots__ = ("peer_id", "known_peers", "max_peers")
    PEER_ID_FIELD_NUMBER: _ClassVar[int]
    KNOWN_PEERS_FIELD_NUMBER: _ClassVar[int]
    MAX_PEERS_FIELD_NUMBER: _ClassVar[int]
    peer_id: str
    known_peers: _containers.RepeatedCompositeFieldContainer[PeerInfo]
    max_peers: int
    def __init__(self, peer_id: _Optional[str] = ..., known_peers: _Optional[_Iterable[_Union[PeerInfo, _Mapping]]] = ..., max_peers: _Optional[int] = ...) -> None: ...

class PeerExchangeResponse(_message.Message):
    __slots__ = ("known_peers", "success", "message")
    KNOWN_PEERS_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    known_peers: _containers.RepeatedCompositeFieldContainer[PeerInfo]
    success: bool
    message: str
    def __init__(self, known_peers: _Optional[_Iterable[_Union[PeerInfo, _Mapping]]] = ..., success: bool = ..., message: _Optional[str] = ...) -> None: ...
