from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LINK: _ClassVar[Purpose]
    LOOK: _ClassVar[Purpose]

class Farewell(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNSAID: _ClassVar[Farewell]
    STOPPING: _ClassVar[Farewell]
    ENOUGH: _ClassVar[Farewell]
LINK: Purpose
LOOK: Purpose
UNSAID: Farewell
STOPPING: Farewell
ENOUGH: Farewell

class Batch(_message.Message):
    __slots__ = ("frames",)
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[Frame]
    def __init__(self, frames: _Optional[_Iterable[_Union[Frame, _Mapping]]] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("hello", "proof", "goodbye", "ping", "pong", "peers_request", "peers", "dial_back", "dialled_back", "compressed", "push", "announce", "want", "absent", "want_chunks", "chunk", "graft", "prune", "want_chunk_list", "chunk_list", "sync_since", "sync_page", "digest", "digest_range", "digest_ids", "digest_want", "have", "receipt", "refusal", "flush_request", "flush_grant")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    PEERS_REQUEST_FIELD_NUMBER: _ClassVar[int]
    PEERS_FIELD_NUMBER: _ClassVar[int]
    DIAL_BACK_FIELD_NUMBER: _ClassVar[int]
    DIALLED_BACK_FIELD_NUMBER: _ClassVar[int]
    COMPRESSED_FIELD_NUMBER: _ClassVar[int]
    PUSH_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCE_FIELD_NUMBER: _ClassVar[int]
    WANT_FIELD_NUMBER: _ClassVar[int]
    ABSENT_FIELD_NUMBER: _ClassVar[int]
    WANT_CHUNKS_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    GRAFT_FIELD_NUMBER: _ClassVar[int]
    PRUNE_FIELD_NUMBER: _ClassVar[int]
    WANT_CHUNK_LIST_FIELD_NUMBER: _ClassVar[int]
    CHUNK_LIST_FIELD_NUMBER: _ClassVar[int]
    SYNC_SINCE_FIELD_NUMBER: _ClassVar[int]
    SYNC_PAGE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DIGEST_RANGE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_IDS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_WANT_FIELD_NUMBER: _ClassVar[int]
    HAVE_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    FLUSH_REQUEST_FIELD_NUMBER: _ClassVar[int]
    FLUSH_GRANT_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    proof: Proof
    goodbye: Goodbye
    ping: Ping
    pong: Pong
    peers_request: PeersRequest
    peers: Peers
    dial_back: DialBack
    dialled_back: DialledBack
    compressed: Compressed
    push: Push
    announce: Announce
    want: Want
    absent: Absent
    want_chunks: WantChunks
    chunk: Chunk
    graft: Graft
    prune: Prune
    want_chunk_list: WantChunkList
    chunk_list: ChunkList
    sync_since: SyncSince
    sync_page: SyncPage
    digest: Digest
    digest_range: DigestRange
    digest_ids: DigestIds
    digest_want: DigestWant
    have: Have
    receipt: Receipt
    refusal: Refusal
    flush_request: FlushRequest
    flush_grant: FlushGrant
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., proof: _Optional[_Union[Proof, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., peers_request: _Optional[_Union[PeersRequest, _Mapping]] = ..., peers: _Optional[_Union[Peers, _Mapping]] = ..., dial_back: _Optional[_Union[DialBack, _Mapping]] = ..., dialled_back: _Optional[_Union[DialledBack, _Mapping]] = ..., compressed: _Optional[_Union[Compressed, _Mapping]] = ..., push: _Optional[_Union[Push, _Mapping]] = ..., announce: _Optional[_Union[Announce, _Mapping]] = ..., want: _Optional[_Union[Want, _Mapping]] = ..., absent: _Optional[_Union[Absent, _Mapping]] = ..., want_chunks: _Optional[_Union[WantChunks, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ..., graft: _Optional[_Union[Graft, _Mapping]] = ..., prune: _Optional[_Union[Prune, _Mapping]] = ..., want_chunk_list: _Optional[_Union[WantChunkList, _Mapping]] = ..., chunk_list: _Optional[_Union[ChunkList, _Mapping]] = ..., sync_since: _Optional[_Union[SyncSince, _Mapping]] = ..., sync_page: _Optional[_Union[SyncPage, _Mapping]] = ..., digest: _Optional[_Union[Digest, _Mapping]] = ..., digest_range: _Optional[_Union[DigestRange, _Mapping]] = ..., digest_ids: _Optional[_Union[DigestIds, _Mapping]] = ..., digest_want: _Optional[_Union[DigestWant, _Mapping]] = ..., have: _Optional[_Union[Have, _Mapping]] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., flush_request: _Optional[_Union[FlushRequest, _Mapping]] = ..., flush_grant: _Optional[_Union[FlushGrant, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("version_min", "version_max", "network_id", "record", "nonce", "proof", "limits", "features", "clock_ms", "log_epoch", "rung", "linked", "purpose", "observed_host")
    VERSION_MIN_FIELD_NUMBER: _ClassVar[int]
    VERSION_MAX_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    CLOCK_MS_FIELD_NUMBER: _ClassVar[int]
    LOG_EPOCH_FIELD_NUMBER: _ClassVar[int]
    RUNG_FIELD_NUMBER: _ClassVar[int]
    LINKED_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_HOST_FIELD_NUMBER: _ClassVar[int]
    version_min: int
    version_max: int
    network_id: str
    record: SignedRecord
    nonce: bytes
    proof: bytes
    limits: Limits
    features: _containers.RepeatedScalarFieldContainer[int]
    clock_ms: float
    log_epoch: int
    rung: int
    linked: bool
    purpose: Purpose
    observed_host: str
    def __init__(self, version_min: _Optional[int] = ..., version_max: _Optional[int] = ..., network_id: _Optional[str] = ..., record: _Optional[_Union[SignedRecord, _Mapping]] = ..., nonce: _Optional[bytes] = ..., proof: _Optional[bytes] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., features: _Optional[_Iterable[int]] = ..., clock_ms: _Optional[float] = ..., log_epoch: _Optional[int] = ..., rung: _Optional[int] = ..., linked: bool = ..., purpose: _Optional[_Union[Purpose, str]] = ..., observed_host: _Optional[str] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_batch_bytes", "max_transaction_bytes")
    MAX_BATCH_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_TRANSACTION_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_batch_bytes: int
    max_transaction_bytes: int
    def __init__(self, max_batch_bytes: _Optional[int] = ..., max_transaction_bytes: _Optional[int] = ...) -> None: ...

class Proof(_message.Message):
    __slots__ = ("signature",)
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    signature: bytes
    def __init__(self, signature: _Optional[bytes] = ...) -> None: ...

class SignedRecord(_message.Message):
    __slots__ = ("record", "signature")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    record: bytes
    signature: bytes
    def __init__(self, record: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class PeerRecord(_message.Message):
    __slots__ = ("public_key", "network_id", "seq", "endpoints", "name", "software", "tls_keys")
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    TLS_KEYS_FIELD_NUMBER: _ClassVar[int]
    public_key: bytes
    network_id: str
    seq: int
    endpoints: _containers.RepeatedCompositeFieldContainer[Endpoint]
    name: str
    software: str
    tls_keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, public_key: _Optional[bytes] = ..., network_id: _Optional[str] = ..., seq: _Optional[int] = ..., endpoints: _Optional[_Iterable[_Union[Endpoint, _Mapping]]] = ..., name: _Optional[str] = ..., software: _Optional[str] = ..., tls_keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Endpoint(_message.Message):
    __slots__ = ("scheme", "host", "port")
    SCHEME_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    scheme: str
    host: str
    port: int
    def __init__(self, scheme: _Optional[str] = ..., host: _Optional[str] = ..., port: _Optional[int] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("reason", "farewell")
    REASON_FIELD_NUMBER: _ClassVar[int]
    FAREWELL_FIELD_NUMBER: _ClassVar[int]
    reason: str
    farewell: Farewell
    def __init__(self, reason: _Optional[str] = ..., farewell: _Optional[_Union[Farewell, str]] = ...) -> None: ...

class DialBack(_message.Message):
    __slots__ = ("nonce", "endpoints")
    NONCE_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    endpoints: _containers.RepeatedCompositeFieldContainer[Endpoint]
    def __init__(self, nonce: _Optional[int] = ..., endpoints: _Optional[_Iterable[_Union[Endpoint, _Mapping]]] = ...) -> None: ...

class DialledBack(_message.Message):
    __slots__ = ("nonce", "endpoint", "reached", "reason", "refused")
    NONCE_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    REACHED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    endpoint: Endpoint
    reached: bool
    reason: str
    refused: bool
    def __init__(self, nonce: _Optional[int] = ..., endpoint: _Optional[_Union[Endpoint, _Mapping]] = ..., reached: bool = ..., reason: _Optional[str] = ..., refused: bool = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ("nonce",)
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    def __init__(self, nonce: _Optional[int] = ...) -> None: ...

class Pong(_message.Message):
    __slots__ = ("nonce",)
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    def __init__(self, nonce: _Optional[int] = ...) -> None: ...

class PeersRequest(_message.Message):
    __slots__ = ("most",)
    MOST_FIELD_NUMBER: _ClassVar[int]
    most: int
    def __init__(self, most: _Optional[int] = ...) -> None: ...

class Compressed(_message.Message):
    __slots__ = ("form", "size", "data")
    FORM_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    form: int
    size: int
    data: bytes
    def __init__(self, form: _Optional[int] = ..., size: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class Peers(_message.Message):
    __slots__ = ("records",)
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[SignedRecord]
    def __init__(self, records: _Optional[_Iterable[_Union[SignedRecord, _Mapping]]] = ...) -> None: ...

class Push(_message.Message):
    __slots__ = ("header", "signature", "payload", "hop", "reach")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HOP_FIELD_NUMBER: _ClassVar[int]
    REACH_FIELD_NUMBER: _ClassVar[int]
    header: bytes
    signature: bytes
    payload: bytes
    hop: int
    reach: int
    def __init__(self, header: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., payload: _Optional[bytes] = ..., hop: _Optional[int] = ..., reach: _Optional[int] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("network_id", "payload_hash", "payload_size", "content_type", "register_id", "origin_key", "created_ms", "ttl_s", "nonce", "chunk_bytes", "chunk_root")
    NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_HASH_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_SIZE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    REGISTER_ID_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_KEY_FIELD_NUMBER: _ClassVar[int]
    CREATED_MS_FIELD_NUMBER: _ClassVar[int]
    TTL_S_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_ROOT_FIELD_NUMBER: _ClassVar[int]
    network_id: str
    payload_hash: bytes
    payload_size: int
    content_type: str
    register_id: str
    origin_key: bytes
    created_ms: float
    ttl_s: int
    nonce: int
    chunk_bytes: int
    chunk_root: bytes
    def __init__(self, network_id: _Optional[str] = ..., payload_hash: _Optional[bytes] = ..., payload_size: _Optional[int] = ..., content_type: _Optional[str] = ..., register_id: _Optional[str] = ..., origin_key: _Optional[bytes] = ..., created_ms: _Optional[float] = ..., ttl_s: _Optional[int] = ..., nonce: _Optional[int] = ..., chunk_bytes: _Optional[int] = ..., chunk_root: _Optional[bytes] = ...) -> None: ...

class Announce(_message.Message):
    __slots__ = ("hashes", "sizes", "old", "asks")
    HASHES_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    OLD_FIELD_NUMBER: _ClassVar[int]
    ASKS_FIELD_NUMBER: _ClassVar[int]
    hashes: bytes
    sizes: _containers.RepeatedScalarFieldContainer[int]
    old: bool
    asks: bool
    def __init__(self, hashes: _Optional[bytes] = ..., sizes: _Optional[_Iterable[int]] = ..., old: bool = ..., asks: bool = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("hashes",)
    HASHES_FIELD_NUMBER: _ClassVar[int]
    hashes: bytes
    def __init__(self, hashes: _Optional[bytes] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("hash", "reason")
    HASH_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    hash: bytes
    reason: str
    def __init__(self, hash: _Optional[bytes] = ..., reason: _Optional[str] = ...) -> None: ...

class FlushRequest(_message.Message):
    __slots__ = ("waiting", "waiting_bytes")
    WAITING_FIELD_NUMBER: _ClassVar[int]
    WAITING_BYTES_FIELD_NUMBER: _ClassVar[int]
    waiting: int
    waiting_bytes: int
    def __init__(self, waiting: _Optional[int] = ..., waiting_bytes: _Optional[int] = ...) -> None: ...

class FlushGrant(_message.Message):
    __slots__ = ("most", "most_bytes", "window_s")
    MOST_FIELD_NUMBER: _ClassVar[int]
    MOST_BYTES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_S_FIELD_NUMBER: _ClassVar[int]
    most: int
    most_bytes: int
    window_s: float
    def __init__(self, most: _Optional[int] = ..., most_bytes: _Optional[int] = ..., window_s: _Optional[float] = ...) -> None: ...

class Want(_message.Message):
    __slots__ = ("hashes",)
    HASHES_FIELD_NUMBER: _ClassVar[int]
    hashes: bytes
    def __init__(self, hashes: _Optional[bytes] = ...) -> None: ...

class Absent(_message.Message):
    __slots__ = ("hashes",)
    HASHES_FIELD_NUMBER: _ClassVar[int]
    hashes: bytes
    def __init__(self, hashes: _Optional[bytes] = ...) -> None: ...

class WantChunks(_message.Message):
    __slots__ = ("hash", "offset", "chunks", "root")
    HASH_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    hash: bytes
    offset: int
    chunks: int
    root: bytes
    def __init__(self, hash: _Optional[bytes] = ..., offset: _Optional[int] = ..., chunks: _Optional[int] = ..., root: _Optional[bytes] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("hash", "offset", "data")
    HASH_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    hash: bytes
    offset: int
    data: bytes
    def __init__(self, hash: _Optional[bytes] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class WantChunkList(_message.Message):
    __slots__ = ("hash",)
    HASH_FIELD_NUMBER: _ClassVar[int]
    hash: bytes
    def __init__(self, hash: _Optional[bytes] = ...) -> None: ...

class ChunkList(_message.Message):
    __slots__ = ("hash", "header", "signature", "hashes", "hop", "reach")
    HASH_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    HASHES_FIELD_NUMBER: _ClassVar[int]
    HOP_FIELD_NUMBER: _ClassVar[int]
    REACH_FIELD_NUMBER: _ClassVar[int]
    hash: bytes
    header: bytes
    signature: bytes
    hashes: bytes
    hop: int
    reach: int
    def __init__(self, hash: _Optional[bytes] = ..., header: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., hashes: _Optional[bytes] = ..., hop: _Optional[int] = ..., reach: _Optional[int] = ...) -> None: ...

class Have(_message.Message):
    __slots__ = ("hash", "size", "chunks")
    HASH_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    hash: bytes
    size: int
    chunks: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, hash: _Optional[bytes] = ..., size: _Optional[int] = ..., chunks: _Optional[_Iterable[int]] = ...) -> None: ...

class Graft(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Prune(_message.Message):
    __slots__ = ("refused",)
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    refused: bool
    def __init__(self, refused: bool = ...) -> None: ...

class SyncSince(_message.Message):
    __slots__ = ("log_epoch", "after_seq")
    LOG_EPOCH_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    log_epoch: int
    after_seq: int
    def __init__(self, log_epoch: _Optional[int] = ..., after_seq: _Optional[int] = ...) -> None: ...

class SyncPage(_message.Message):
    __slots__ = ("log_epoch", "hashes", "sizes", "next_seq", "more")
    LOG_EPOCH_FIELD_NUMBER: _ClassVar[int]
    HASHES_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    NEXT_SEQ_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    log_epoch: int
    hashes: bytes
    sizes: _containers.RepeatedScalarFieldContainer[int]
    next_seq: int
    more: bool
    def __init__(self, log_epoch: _Optional[int] = ..., hashes: _Optional[bytes] = ..., sizes: _Optional[_Iterable[int]] = ..., next_seq: _Optional[int] = ..., more: bool = ...) -> None: ...

class Digest(_message.Message):
    __slots__ = ("salt", "start_ms", "span_ms", "end_ms", "marks", "log_epoch")
    SALT_FIELD_NUMBER: _ClassVar[int]
    START_MS_FIELD_NUMBER: _ClassVar[int]
    SPAN_MS_FIELD_NUMBER: _ClassVar[int]
    END_MS_FIELD_NUMBER: _ClassVar[int]
    MARKS_FIELD_NUMBER: _ClassVar[int]
    LOG_EPOCH_FIELD_NUMBER: _ClassVar[int]
    salt: int
    start_ms: int
    span_ms: int
    end_ms: int
    marks: Marks
    log_epoch: int
    def __init__(self, salt: _Optional[int] = ..., start_ms: _Optional[int] = ..., span_ms: _Optional[int] = ..., end_ms: _Optional[int] = ..., marks: _Optional[_Union[Marks, _Mapping]] = ..., log_epoch: _Optional[int] = ...) -> None: ...

class Marks(_message.Message):
    __slots__ = ("counts", "sums")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    SUMS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedScalarFieldContainer[int]
    sums: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, counts: _Optional[_Iterable[int]] = ..., sums: _Optional[_Iterable[int]] = ...) -> None: ...

class Region(_message.Message):
    __slots__ = ("salt", "start_ms", "span_ms", "prefix", "depth")
    SALT_FIELD_NUMBER: _ClassVar[int]
    START_MS_FIELD_NUMBER: _ClassVar[int]
    SPAN_MS_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    salt: int
    start_ms: int
    span_ms: int
    prefix: int
    depth: int
    def __init__(self, salt: _Optional[int] = ..., start_ms: _Optional[int] = ..., span_ms: _Optional[int] = ..., prefix: _Optional[int] = ..., depth: _Optional[int] = ...) -> None: ...

class DigestRange(_message.Message):
    __slots__ = ("region", "marks")
    REGION_FIELD_NUMBER: _ClassVar[int]
    MARKS_FIELD_NUMBER: _ClassVar[int]
    region: Region
    marks: Marks
    def __init__(self, region: _Optional[_Union[Region, _Mapping]] = ..., marks: _Optional[_Union[Marks, _Mapping]] = ...) -> None: ...

class DigestIds(_message.Message):
    __slots__ = ("region", "ids")
    REGION_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    region: Region
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, region: _Optional[_Union[Region, _Mapping]] = ..., ids: _Optional[_Iterable[int]] = ...) -> None: ...

class DigestWant(_message.Message):
    __slots__ = ("region", "ids")
    REGION_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    region: Region
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, region: _Optional[_Union[Region, _Mapping]] = ..., ids: _Optional[_Iterable[int]] = ...) -> None: ...
