//! Every bound in one place: its default, what it is measured in, and which must be below which.
//!
//! Rules: a bound that a person may set is a field of [`Limits`]; one that nobody needs to set is
//! a `const`. Times are milliseconds, sizes bytes, units last in the name. [`Limits::check`]
//! refuses combinations that contradict each other; `const` asserts hold the defaults to the same.

/// A bound on the work of one turn: what serves, and what makes the simulation meet it often.
const fn bound(serving: usize, simulated: usize) -> usize {
    if cfg!(feature = "sim") {
        simulated
    } else {
        serving
    }
}

/// Header lines in one request head; more: 431.
pub const HEADERS_MAX: usize = 100;
/// With `batch_us`: so many bytes of a channel wait no longer for more.
pub const BATCH_BYTES: u64 = bound(64 * 1024, 2000) as u64;
/// Empty lines skipped before a request line (RFC 9112 2.2 asks for one at least); more: 400.
pub const LEADING_LINES_MAX: usize = 4;
/// A slot, the index of a connection or a channel, fits so many bits. A stream beyond that (there
/// are several for each channel) has no deadlines: its log is not kept for others who resume, and
/// nobody in it lags by time.
pub const SLOT_BITS: u32 = 24;
/// Set in what a member has for a slot when it is a *seat*: the place of a session, and no connection.
pub const SEAT_BIT: u32 = 1 << 31;
/// Bytes of extensions on one chunk's size line, from the size to the CRLF; more: 400.
pub const CHUNK_EXTENSION_BYTES_MAX: u32 = 256;
/// Bytes of extensions that one body may have beyond as many as it has data; more: 400.
pub const CHUNK_EXTENSIONS_EXCESS_MAX: u64 = 16 * 1024;
/// Bytes of a trailer section, its last empty line included; more: 400.
pub const TRAILER_BYTES_MAX: u32 = 4 * 1024;
/// Lines of a trailer section, without its last empty line; more: 400.
pub const TRAILER_LINES_MAX: u32 = 100;
/// Bytes of a channel name after percent-decoding; more: 400.
pub const CHANNEL_NAME_BYTES_MAX: usize = 255;
/// Channels in one request, those named twice included; more: 400.
pub const CHANNELS_PER_REQUEST_MAX: usize = 255;
/// Parts of one form; more: 400.
pub const FORM_PARTS_MAX: usize = 100;
/// Bytes of the head of a form's part, with its empty line; more: 400.
pub const PART_HEAD_BYTES_MAX: usize = 8 * 1024;
/// Messages in one body of lines; more: 400.
pub const LINES_MAX: usize = 1000;
/// Bytes of a publisher's media type, which is passed on; more: 400.
pub const CONTENT_TYPE_BYTES_MAX: usize = 180;
/// Bytes of an event name that is passed on; a message with a longer one goes out without it.
pub const EVENT_NAME_BYTES_MAX: usize = 255;
/// Attachments of one packet of a Socket.IO client; more: closed.
pub const ATTACHMENTS_MAX: usize = 1024;
/// Attachments of one event to Socket.IO clients; a message with more goes out as text. The official
/// parser, from 4.2.6 on, drops the connection over ten.
pub const SAID_ATTACHMENTS_MAX: usize = 10;
/// Bytes of a channel that are copied so that what a program emits to one socket comes behind them; where
/// more wait, it may pass them.
pub const ORDERED_BYTES_MAX: u64 = 256 * 1024;
/// Packets of one body that one turn takes.
pub const PACKETS_PER_TURN: usize = bound(1024, 3);
/// Events of which it is known who emitted them, so that nobody who comes back hears itself.
pub const OWN_EVENTS_MAX: usize = bound(65_536, 64);
/// Packets in one answer to a poll of an Engine.IO client: the Python client drops the connection over
/// sixteen. An event and its attachments fit it.
pub const POLLED_PACKETS_MAX: usize = 16;
/// Arguments of one event to Socket.IO clients, who call a function with them: there is an end to what
/// their stack takes. A message with more goes out as text.
pub const EVENT_ARGUMENTS_MAX: usize = 4096;
/// How deep arrays and objects of an event may lie in each other; a message with deeper ones goes out as
/// text. Clients walk them by recursion, in Python by two of its thousand calls for each.
pub const EVENT_DEPTH_MAX: usize = 256;
/// Bytes of the name of the function that an iframe calls; more: 400.
pub const CALLBACK_BYTES_MAX: usize = 128;
/// Different sets of channels that hear one channel; more: 503. Each holds a copy of what is
/// published while it is sent.
pub const SETS_PER_CHANNEL_MAX: usize = bound(1024, 8);
/// Bytes kept of the buffers in which messages are encoded for HTTP.
pub const ENCODED_KEPT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of history that are encoded in one turn for those who resume in a form that lacks them.
pub const FILL_BYTES_PER_TURN: usize = bound(256 * 1024, 600);
/// Messages of history that are encoded at a time.
pub const FILL_MESSAGES: usize = bound(256, 3);
/// What was encoded for who resumed is kept so long, for others who come back too.
pub const RESUME_LINGER_MS: u64 = 2_000;
/// Messages that are too old are let go this often at most, for each channel.
pub const AGE_LOOK_MS: u64 = 100;
/// Larger messages are not compressed: one that long holds the loop for some 10 ms.
pub const DEFLATE_BYTES_MAX: usize = 1024 * 1024;
/// Of each buffer of the compressor and the inflater, so many bytes are kept from one turn to the next.
pub const DEFLATE_KEPT_BYTES_MAX: usize = 256 * 1024;
/// How often a compressed message may end a stream and go on behind it; more: 1008.
pub const FINAL_BLOCKS_MAX: usize = 1024;
/// Bytes inflated for one connection in one turn; what is left of its input waits.
pub const INFLATED_BYTES_PER_TURN: usize = bound(512 * 1024, 40 * 1024);
/// The scratch buffer of a reactor, and so the most that one read takes: sixteen messages of 16 KiB
/// with their headers, like the segment they go to.
pub const SCRATCH_BYTES: usize = bound(260 * 1024, 32 * 1024);
/// Bytes read from one connection in one turn; the rest waits in the reactor's own ready list.
pub const READ_BYTES_PER_TURN: usize = bound(512 * 1024, 40 * 1024);
/// Bytes offered to one subscriber in one turn: a whole segment.
pub const SEND_BYTES_PER_TURN: usize = bound(260 * 1024, 24 * 1024);
/// Private output above half of `message_bytes_max`, or above this, stops reading that peer.
pub const OUT_BYTES_LEAST: usize = 64 * 1024;
/// Writes in one turn over all channels, and as many of private output: some milliseconds, since
/// who publishes meanwhile is read only afterwards. More than `BYTES_PER_WRITE` counts as several.
pub const WRITES_PER_TURN: usize = bound(512, 10);
/// What one write takes at most to count as one.
pub const BYTES_PER_WRITE: u64 = 32 * 1024;
/// Subscribers of one channel written to before the next channel has its part of the turn.
pub const WRITES_PER_CHANNEL: usize = bound(512, 4);
/// Streams with at most so many members are served before all others, with half of the turn's writes.
pub const BRIEF_MEMBERS: usize = bound(64, 2);
/// Subscribers written to after a channel has been served and before the clock is read for it.
pub const UNTIMED_MAX: usize = 64;
/// Connections accepted from one listener in one turn.
pub const ACCEPTS_PER_TURN: usize = bound(256, 3);
/// Readiness events taken from the kernel in one turn.
pub const EVENTS_PER_TURN: usize = 1024;
/// Messages taken from the mailbox in one turn.
pub const INBOX_PER_TURN: usize = bound(1024, 3);
/// Connections beyond `connections_max` that are answered 503 rather than cut.
pub const REFUSALS_MAX: usize = 64;
/// How long the request is waited for of a connection that is to be refused, at most.
pub const REFUSED_MS: u64 = 1_000;
/// Connections by the admin address, beside `connections_max`.
pub const ADMIN_CONNECTIONS_MAX: usize = 16;
/// Connections beyond these that are answered 503 rather than cut.
pub const ADMIN_REFUSALS_MAX: usize = 8;
/// Connections in one listing of the worst, at most, and where the request does not say.
pub const LISTED_MAX: usize = 200;
/// See `LISTED_MAX`.
pub const LISTED_DEFAULT: usize = 20;
/// How often members of a stream are looked at, at most, to find out who has a message that somebody waits
/// for to leave.
pub const WATCH_LOOK_MS: u64 = 10;
/// Publishers that wait for their message to leave, at most.
pub const FLUSH_WAITERS_MAX: usize = bound(1024, 8);
/// How long a publisher waits for that at most, and where it does not say.
pub const FLUSH_WAIT_MS_MAX: u64 = 60_000;
/// See `FLUSH_WAIT_MS_MAX`.
pub const FLUSH_WAIT_MS: u64 = 5_000;
/// Channels in one answer to who asks which there are, at most, and where the request does not say.
pub const CHANNELS_LISTED_MAX: usize = 1000;
/// See `CHANNELS_LISTED_MAX`.
pub const CHANNELS_LISTED_DEFAULT: usize = 100;
/// What may be spent on looking at channels for one such answer: comparing a name with a pattern
/// takes up to the product of their lengths. A few milliseconds.
pub const LIST_STEPS_MAX: usize = 2_000_000;
/// Log lines that wait to be written; further ones are lost, and counted.
pub const LOG_LINES_MAX: usize = 4096;
/// Descriptors kept for listeners, epoll, the waker, logs, the refused, operators and the standard
/// streams.
pub const DESCRIPTORS_RESERVE: usize =
    64 + REFUSALS_MAX + ADMIN_CONNECTIONS_MAX + ADMIN_REFUSALS_MAX;
/// Times at which messages were offered are kept to this grain.
pub const OFFER_GRAIN_MS: u64 = 16;
/// Subscribers that may be too long behind are looked at this often at most.
pub const LAG_LOOK_MS: u64 = 100;
/// The rest of a message that a skipping subscriber is still owed is kept for it up to this size;
/// with more, it is closed.
pub const SKIP_REST_BYTES_MAX: usize = bound(16 * 1024, 1024);
/// Files and directories that are served, all together; more: refused at start.
pub const STATIC_FILES_MAX: usize = 10_000;
/// Directories below each other that are served; more: refused at start.
pub const STATIC_DEPTH_MAX: usize = 32;
/// After EMFILE on accept: try again this much later, or when a connection closes.
pub const ACCEPT_RETRY_MS: u64 = 100;
/// Bytes of free segments that the pool keeps for reuse.
pub const POOL_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of free buffers that are kept for messages to be gathered.
pub const BUFFERS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// So many boxes of each kind that a message on its way in needs are kept for the next ones.
pub const SPARES_MAX: usize = 64;
/// Private output of at most so many bytes is one of them.
pub const SPARE_OUT_BYTES_MAX: usize = 1024;
/// Segments given to one vectored send.
pub const SLICES_MAX: usize = 16;

/// Connections that may wait to be accepted; the kernel takes `somaxconn` if that is less.
pub const BACKLOG: i32 = 4096;
/// Bytes that the kernel takes of one connection beyond what it could send (TCP_NOTSENT_LOWAT): a
/// peer that stalls fills this and its own window, while one that is far away and takes what comes
/// may have the whole send buffer on its way.
pub const UNSENT_BYTES: u32 = 64 * 1024;
/// What a waiting message counts for at least: a tiny one holds that much memory.
pub const MESSAGE_BYTES_LEAST: u64 = 32;
/// Messages of at least this many bytes, once gathered, become a segment of their own; smaller
/// ones are copied, so that they lie next to each other.
pub const ADOPT_BYTES_MIN: usize = 64 * 1024;
/// While stopping: how often those that are not finished yet are looked at, in milliseconds.
pub const DRAIN_LOOK_MS: u64 = 20;
/// Turns in a row that deadlines may wait for input that came before them.
pub const EXPIRE_SKIPS_MAX: u32 = 256;
/// A wait that took so much longer than asked was a stall.
pub const STALL_MS_LEAST: u64 = 500;

/// The bounds a person may set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Request head, request line included. Over: 431.
    pub head_bytes_max: usize,
    /// From accept (or the first byte of a further request) to the complete request. Over: 408.
    pub head_timeout_ms: u64,
    /// An HTTP connection between requests. Over: closed.
    pub idle_timeout_ms: u64,
    /// One message, over all its fragments. Over: 1009, 413.
    pub message_bytes_max: usize,
    /// Connections at once. Over: 503 with Retry-After.
    pub connections_max: usize,
    /// Connections at once from one address; 0 is no limit. Over: 429.
    pub connections_per_address_max: usize,
    /// Channels at once. Over: 503.
    pub channels_max: usize,
    /// A channel without subscribers or messages is forgotten after this.
    pub channel_linger_ms: u64,
    /// Whole messages waiting for a blocked subscriber behind the one being written, each counted
    /// as at least 32 bytes. Over: 1013.
    pub lag_bytes_max: usize,
    /// How long a blocked subscriber may leave what it was offered; 0 is no limit. Over: 1013.
    pub lag_timeout_ms: u64,
    /// Of one channel's log, not yet offered to subscribers that are not blocked. Over: its
    /// publishers are not read until fan-out catches up.
    pub unflushed_bytes_max: usize,
    /// The kernel's send buffer of one connection; 0 leaves it to the kernel.
    pub send_buffer_bytes: usize,
    /// Logs, gathered messages, private output and kept input together, by capacity. Over: the most
    /// lagging subscribers of the largest log, or who holds the most, are closed with 1013.
    pub memory_bytes_max: usize,
    /// Messages waiting in the mailbox of a handle. Over: `publish` returns `Full`.
    pub mailbox_messages_max: usize,
    /// Bytes waiting in the mailbox of a handle. Over: `publish` returns `Full`.
    pub mailbox_bytes_max: usize,
    /// A WebSocket without a byte from the peer for this long is pinged.
    pub ping_interval_ms: u64,
    /// No byte for this long after a ping has left: dropped.
    pub ping_timeout_ms: u64,
    /// From our close frame to the end of the TCP connection.
    pub close_timeout_ms: u64,
    /// From SIGTERM to exit.
    pub drain_ms: u64,
    /// Messages of fewer bytes are not compressed.
    pub deflate_bytes_min: usize,
    /// How hard to compress: 1, fastest, to 9, smallest.
    pub deflate_level: usize,
    /// Messages of a channel wait so many microseconds for more before they are sent; 0: not.
    pub batch_us: u64,
    /// Newest messages of one channel that are kept for those who come late or again; 0: none.
    pub history_messages_max: usize,
    /// How long they are kept; 0: not at all.
    pub history_age_ms: u64,
    /// Their bytes, each message counted as at least 32; 0: none.
    pub history_bytes_max: usize,
    /// History of all channels together. Over: the oldest of it goes.
    pub history_memory_max: usize,
    /// How long a long-poll is held when there is no message. Over: 408.
    pub poll_hold_ms: u64,
    /// How long an EventSource is told to wait before it connects again.
    pub retry_ms: u64,
    /// Bytes of all files that are served together, beside `memory_bytes_max`. Over: refused at
    /// start.
    pub static_bytes_max: usize,
    /// Engine.IO sessions at once. Over: 503.
    pub sessions_max: usize,
    /// The `maxPayload` that Engine.IO clients are told: the body of a POST, one WebSocket message,
    /// and the text and attachments of one event together. Over: 413, or the session ends.
    pub payload_bytes_max: usize,
    /// From the handshake of a session to its first namespace. Over: the session ends.
    pub connect_timeout_ms: u64,
    /// From the WebSocket of an upgrade to the packet that completes it. Over: that WebSocket goes.
    pub upgrade_timeout_ms: u64,
}

/// The default of `message_bytes_max`.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// The default of `lag_bytes_max`.
const LAG_BYTES: usize = 16 * MESSAGE_BYTES;
/// The default of `unflushed_bytes_max`.
const UNFLUSHED_BYTES: usize = 4 * MESSAGE_BYTES;
/// The default of `memory_bytes_max`.
const MEMORY_BYTES: usize = 1024 * MESSAGE_BYTES;
/// The default of `history_bytes_max`.
const HISTORY_BYTES: usize = 2 * MESSAGE_BYTES;
/// The default of `history_memory_max`.
const HISTORY_MEMORY: usize = 64 * MESSAGE_BYTES;

/// The default of `payload_bytes_max`: a message of `MESSAGE_BYTES` that is not text fits a POST as
/// base64, with the event around it.
const PAYLOAD_BYTES: usize = 1_500_000;

const _: () = assert!(LAG_BYTES >= MESSAGE_BYTES);
const _: () =
    assert!(PAYLOAD_BYTES > MESSAGE_BYTES / 3 * 4 + 4096 && PAYLOAD_BYTES < LAG_BYTES / 4 * 3);
const _: () = assert!(UNFLUSHED_BYTES >= MESSAGE_BYTES && UNFLUSHED_BYTES <= LAG_BYTES);
const _: () = assert!(MEMORY_BYTES > 2 * (LAG_BYTES + MESSAGE_BYTES));
const _: () = assert!(HISTORY_BYTES <= LAG_BYTES / 2 && HISTORY_BYTES > MESSAGE_BYTES);
const _: () = assert!(HISTORY_MEMORY >= HISTORY_BYTES && HISTORY_MEMORY <= MEMORY_BYTES / 2);
const _: () = assert!(SCRATCH_BYTES <= READ_BYTES_PER_TURN);
const _: () = assert!(WRITES_PER_CHANNEL <= WRITES_PER_TURN);
const _: () = assert!(REFUSALS_MAX < DESCRIPTORS_RESERVE);
const _: () = assert!(SAID_ATTACHMENTS_MAX <= ATTACHMENTS_MAX);
const _: () = assert!(SAID_ATTACHMENTS_MAX < POLLED_PACKETS_MAX);

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_bytes_max: 16 * 1024,
            head_timeout_ms: 10_000,
            idle_timeout_ms: 60_000,
            message_bytes_max: MESSAGE_BYTES,
            connections_max: 100_000,
            connections_per_address_max: 0,
            channels_max: 100_000,
            channel_linger_ms: 60_000,
            lag_bytes_max: LAG_BYTES,
            lag_timeout_ms: 0,
            unflushed_bytes_max: UNFLUSHED_BYTES,
            send_buffer_bytes: 256 * 1024,
            memory_bytes_max: MEMORY_BYTES,
            mailbox_messages_max: 4096,
            mailbox_bytes_max: 16 * MESSAGE_BYTES,
            ping_interval_ms: 25_000,
            ping_timeout_ms: 20_000,
            close_timeout_ms: 5_000,
            drain_ms: 10_000,
            deflate_bytes_min: 256,
            deflate_level: 2,
            batch_us: 0,
            history_messages_max: 256,
            history_age_ms: 600_000,
            history_bytes_max: HISTORY_BYTES,
            history_memory_max: HISTORY_MEMORY,
            poll_hold_ms: 25_000,
            retry_ms: 2_000,
            static_bytes_max: 64 * MESSAGE_BYTES,
            sessions_max: 100_000,
            payload_bytes_max: PAYLOAD_BYTES,
            connect_timeout_ms: 45_000,
            upgrade_timeout_ms: 10_000,
        }
    }
}

/// A head has to fit the scratch, with room to read on.
const HEAD_BYTES_MOST: u64 = 128 * 1024;

#[cfg(not(feature = "sim"))]
const _: () = assert!(2 * HEAD_BYTES_MOST <= SCRATCH_BYTES as u64);

/// The largest `channels_max`: a channel's index fits a timer's entry.
const CHANNELS_MOST: u64 = (1 << SLOT_BITS) - 1;
/// The largest `sessions_max`: so does a session's.
const SESSIONS_MOST: u64 = (1 << SLOT_BITS) - 1;
/// The largest `connections_max`.
const CONNECTIONS_MOST: u64 = 10_000_000;
const _: () = assert!(
    CONNECTIONS_MOST + (REFUSALS_MAX + ADMIN_CONNECTIONS_MAX + ADMIN_REFUSALS_MAX) as u64
        <= 1 << SLOT_BITS
);

/// Smallest and largest value of each numeric bound, by its option name.
pub const RANGES: &[(&str, u64, u64)] = &[
    ("head_bytes_max", 1024, HEAD_BYTES_MOST),
    ("head_timeout", 100, 3_600_000),
    ("idle_timeout", 100, 86_400_000),
    ("message_bytes_max", 1, 1 << 30),
    ("connections_max", 1, CONNECTIONS_MOST),
    ("connections_per_address_max", 0, 10_000_000),
    ("channels_max", 1, CHANNELS_MOST),
    ("channel_linger", 0, 86_400_000),
    ("lag_bytes_max", 1, 1 << 40),
    ("lag_timeout", 0, 86_400_000),
    ("unflushed_bytes_max", 1, 1 << 40),
    ("send_buffer", 0, 1 << 30),
    ("memory_bytes_max", 1024 * 1024, 1 << 50),
    ("mailbox_messages_max", 1, 100_000_000),
    ("mailbox_bytes_max", 1, 1 << 40),
    ("ping_interval", 10, 86_400_000),
    ("ping_timeout", 10, 86_400_000),
    ("close_timeout", 10, 3_600_000),
    ("drain", 0, 86_400_000),
    ("deflate_bytes_min", 0, 1 << 30),
    ("deflate_level", 1, 9),
    ("batch", 0, 100_000),
    ("history_messages", 0, 10_000_000),
    ("history_age", 0, 720 * 3_600_000),
    ("history_bytes", 0, 1 << 40),
    ("history_memory", 0, 1 << 50),
    ("poll_hold", 1_000, 600_000),
    ("retry", 100, 3_600_000),
    ("static_bytes_max", 1, 1 << 40),
    ("sessions_max", 1, SESSIONS_MOST),
    ("socketio_payload_max", 1, 1 << 31),
    ("connect_timeout", 10, 3_600_000),
    ("upgrade_timeout", 10, 3_600_000),
];

mod check;

#[cfg(test)]
mod tests;
