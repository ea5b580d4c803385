//! Why a connection ends or a request is refused: one small `Copy` enum.
//!
//! A [`Reason`] knows its WebSocket close code (RFC 6455 7.4.1), its HTTP status, the word that
//! logs and counters use, and the sentence a person reads. Parsers return it as their error;
//! nobody else invents a code or a status.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident, $word:literal, $code:literal, $status:literal, $text:literal;)*) => {
        /// Why a connection ended or a request was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Reason { $($(#[$doc])* $name),* }

        impl Reason {
            /// Every reason, in the order of its index.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),*];

            /// One word for logs and the `reason` label of counters.
            pub const fn word(self) -> &'static str { match self { $(Reason::$name => $word),* } }

            /// The close code sent to a WebSocket peer; 0 where no close frame is sent.
            pub const fn close_code(self) -> u16 { match self { $(Reason::$name => $code),* } }

            /// The status of an HTTP answer; 0 where none is given.
            pub const fn status(self) -> u16 { match self { $(Reason::$name => $status),* } }

            /// A sentence for the peer: close reason or response body.
            pub const fn text(self) -> &'static str { match self { $(Reason::$name => $text),* } }
        }
    };
}

reasons! {
    // -- ends that are nobody's fault
    /// The close handshake was completed.
    Normal, "normal", 1000, 0, "";
    /// The peer went away without a close frame: end of stream or reset.
    Gone, "gone", 0, 0, "peer gone";
    /// An HTTP connection ended as HTTP connections do.
    Done, "done", 0, 0, "done";
    /// The server is stopping (`--drain`).
    Drain, "drain", 1001, 503, "server is going away";
    // -- WebSocket: what the peer sent
    /// RSV bits without a negotiated extension (RFC 6455 5.2).
    ReservedBits, "reserved_bits", 1002, 400, "reserved bit set";
    /// Opcode 3 to 7 or 11 to 15 (RFC 6455 5.2).
    ReservedOpcode, "reserved_opcode", 1002, 400, "reserved opcode";
    /// A client frame without a masking key (RFC 6455 5.1).
    Unmasked, "unmasked", 1002, 400, "client frames must be masked";
    /// A control frame over 125 bytes (RFC 6455 5.5).
    ControlTooLong, "control_too_long", 1002, 400, "control frame over 125 bytes";
    /// A fragmented control frame (RFC 6455 5.5).
    ControlFragmented, "control_fragmented", 1002, 400, "fragmented control frame";
    /// A length not in its shortest form, or with the top bit set (RFC 6455 5.2).
    BadLength, "bad_length", 1002, 400, "payload length not minimal or out of range";
    /// A continuation frame with no message under way (RFC 6455 5.4).
    NothingToContinue, "nothing_to_continue", 1002, 400, "continuation without a message";
    /// A new message inside a fragmented one (RFC 6455 5.4).
    Interleaved, "interleaved", 1002, 400, "new message inside a fragmented one";
    /// A close payload of one byte or with a code that may not be sent (RFC 6455 5.5.1, 7.4).
    BadClose, "bad_close", 1002, 400, "malformed close frame";
    /// Text or a close reason that is not UTF-8 (RFC 6455 8.1).
    BadUtf8, "bad_utf8", 1007, 400, "text is not UTF-8";
    /// A compressed message that does not inflate, or was cut (RFC 7692 7.2.2).
    BadDeflate, "bad_deflate", 1007, 400, "compressed message is malformed";
    /// More fragments than a message may have.
    TooManyFragments, "too_many_fragments", 1008, 400, "too many fragments in one message";
    /// A message from a connection on several channels.
    ListensOnly, "listens_only", 1008, 400, "a connection on several channels only listens";
    /// A message over `message_bytes_max`.
    MessageTooBig, "message_too_big", 1009, 413, "message too big";
    /// The channel was deleted.
    Deleted, "deleted", 1001, 410, "410 Channel Deleted";
    /// What was to be resumed from is held no longer, and this transport cannot tell of it.
    GapOnResume, "gap_on_resume", 1013, 0, "gap";
    /// A poll has waited as long as it may.
    PollTimeout, "poll_timeout", 0, 408, "no message yet, ask again";
    /// The function that an iframe is to call is missing or not allowed.
    BadCallback, "bad_callback", 0, 400, "callback must be parent. and names joined by dots";
    // -- Socket.IO: what the peer sent
    /// A packet of no type that a client sends, an empty one, or bytes that are not base64 (Engine.IO v4).
    BadEnginePacket, "bad_engine_packet", 1002, 400, "malformed Engine.IO packet";
    /// A packet whose parts are not what its type has (Socket.IO v5).
    BadPacket, "bad_packet", 1002, 400, "malformed Socket.IO packet";
    /// An event under a name that clients and servers use among themselves (Socket.IO v5).
    ReservedEvent, "reserved_event", 1008, 400, "this event name is reserved";
    /// Attachments that are too many, or not what stands in their place (Socket.IO v5).
    BadAttachments, "bad_attachments", 1008, 400, "attachments do not fit their placeholders, or are more than 1024";
    // -- slow, silent or in the way
    /// A subscriber more than `lag_bytes_max` behind.
    Lagged, "lagged", 1013, 503, "lagged";
    /// A blocked subscriber that left what it was offered for longer than `lag_timeout`.
    LaggedLong, "lagged_long", 1013, 503, "lagged for too long";
    /// No byte within `ping_timeout` of a ping.
    Silent, "silent", 1008, 0, "no answer to ping";
    /// The close handshake took longer than `close_timeout`.
    CloseTimeout, "close_timeout", 0, 0, "close handshake timed out";
    /// No complete request within `head_timeout`.
    HeadTimeout, "head_timeout", 0, 408, "request not complete in time";
    /// A keep-alive connection without a further request.
    Idle, "idle", 0, 0, "idle";
    /// `memory_bytes_max` is reached.
    Memory, "memory", 1013, 503, "out of memory budget, try again later";
    /// Fan-out did not catch up before the request's deadline.
    Busy, "busy", 1013, 503, "channel is busy, try again later";
    /// Something of ours failed.
    Internal, "internal", 1011, 500, "internal error";
    // -- Engine.IO: its sentences are those of the official server, which clients show
    /// A transport other than polling and websocket.
    UnknownTransport, "unknown_transport", 0, 400, "Transport unknown";
    /// No session has this id, or none any more.
    UnknownSession, "unknown_session", 0, 400, "Session ID unknown";
    /// A session begins with GET.
    BadHandshake, "bad_handshake", 0, 400, "Bad handshake method";
    /// A request that does not fit the transport of its session.
    BadSession, "bad_session", 1008, 400, "Bad request";
    /// Another version of Engine.IO than 4.
    OldProtocol, "old_protocol", 0, 400, "Unsupported protocol version";
    /// Two polls, or two uploads, of a session at once.
    Overlap, "overlap", 1008, 400, "two requests of one kind at once";
    /// No namespace within `connect_timeout`, or no upgrade within `upgrade_timeout`.
    ConnectTimeout, "connect_timeout", 1008, 0, "not connected in time";
    // -- limits on who may come in
    /// `connections_max` are open.
    Full, "full", 1013, 503, "too many connections, try again later";
    /// `connections_per_address_max` are open from there.
    FullAddress, "full_address", 1013, 429, "too many connections from this address";
    /// `channels_max` exist, all in use.
    FullChannels, "full_channels", 1013, 503, "too many channels, try again later";
    /// `FLUSH_WAITERS_MAX` publishers wait for their message to leave.
    FullWaiters, "full_waiters", 0, 503, "too many publishers wait for a flush, try again later, or without";
    /// `sessions_max` sessions are open.
    FullSessions, "full_sessions", 1013, 503, "too many sessions, try again later";
    /// `SETS_PER_CHANNEL_MAX` different sets hear one of the channels.
    FullSets, "full_sets", 1013, 503, "too many different sets hear one of these channels";
    // -- HTTP: what the peer sent
    /// Not HTTP, or a malformed head (RFC 9112 2.2).
    BadRequest, "bad_request", 0, 400, "malformed request";
    /// Differing, repeated or odd framing headers, or both of them (RFC 9112 6.1, 6.3).
    BadFraming, "bad_framing", 0, 400, "contradictory or malformed message framing";
    /// A broken chunked body (RFC 9112 7.1).
    BadChunk, "bad_chunk", 0, 400, "malformed chunked body";
    /// A transfer coding other than chunked (RFC 9112 6.1).
    UnknownCoding, "unknown_coding", 0, 501, "unknown transfer coding";
    /// A head over `head_bytes_max`.
    HeadTooLarge, "head_too_large", 0, 431, "request head too large";
    /// More than `HEADERS_MAX` header lines.
    TooManyHeaders, "too_many_headers", 0, 431, "too many header fields";
    /// An HTTP version that is not 1.0 or 1.1.
    BadVersion, "bad_version", 0, 505, "HTTP version not supported";
    /// No such resource.
    NotFound, "not_found", 0, 404, "not found";
    /// The resource exists, the method does not.
    BadMethod, "bad_method", 0, 405, "method not allowed";
    /// A media type that no transport could pass on, or the one that is ours.
    BadContentType, "bad_content_type", 0, 400, "content type too long, not visible ASCII, or reserved";
    /// An event name that no transport could pass on.
    BadEvent, "bad_event", 0, 400, "event name too long, not UTF-8, or with control characters";
    /// A form without a boundary, or with an odd one (RFC 2046 5.1.1).
    BadBoundary, "bad_boundary", 0, 400, "multipart/form-data needs one boundary, of 1 to 70 characters";
    /// A form that its boundary does not divide (RFC 2046 5.1.1).
    BadForm, "bad_form", 0, 400, "malformed form: it begins with its boundary, each on a line of its own, and two dashes follow the last";
    /// A part of a form with a head that is none, or without a name (RFC 7578 4.2).
    BadPart, "bad_part", 0, 400, "malformed part in a form: its head is at most 8 KiB and says Content-Disposition: form-data, with a name, once, and no transfer encoding";
    /// A form of more parts than may be.
    TooManyParts, "too_many_parts", 0, 400, "too many parts in one form, 100 at most";
    /// A body of more lines than may be published at once.
    TooManyLines, "too_many_lines", 0, 400, "too many messages in one body, 1000 lines at most";
    /// A form or lines without a message.
    NoMessages, "no_messages", 0, 400, "no message in this body";
    /// A publication in a content coding, which no transport could tell of.
    CodedBody, "coded_body", 0, 415, "bodies are published as they come: no Content-Encoding";
    /// A publication by HTTP/1.0 without its length.
    NoLength, "no_length", 0, 411, "Content-Length is required of HTTP/1.0";
    /// A channel name outside what is allowed.
    BadChannel, "bad_channel", 0, 400, "bad channel name";
    /// More channels in one request than may be.
    TooManyNames, "too_many_names", 0, 400, "too many channels in one request, 255 at most";
    /// A position in a channel that is neither an id nor a word for one.
    BadMessageId, "bad_message_id", 0, 400, "Message ID invalid";
    /// A query parameter with a value that means nothing; in an operator's request also one that is unknown or
    /// given twice.
    BadQuery, "bad_query", 0, 400, "bad query parameter: allowed are sort=lag or age and limit=1 to 200 on /connections; pattern=, limit=1 to 1000 and from= on /channels; wait=flush and timeout=1 to 60000 to publish; transport=websocket, eventsource, chunked, mixed, iframe or poll, gap=accept, and wait, multipart, events, base64 and echo=true or false on a channel";
    /// An `Expect` other than `100-continue` (RFC 9110 10.1.1).
    BadExpect, "bad_expect", 0, 417, "unknown expectation";
    /// An `Origin` outside `--allow-origin`.
    BadOrigin, "bad_origin", 0, 403, "origin not allowed";
    /// To manage channels is for this machine alone, as no key and no admin address is set.
    NotLocal, "not_local", 0, 403, "only for this machine and not by a proxy, unless --publish-key or --admin-listen is set";
    /// To manage channels is for the admin address.
    AdminOnly, "admin_only", 0, 403, "only at the admin address, or with the publish key where one is set";
    /// At an admin address, or where channels are managed: a `Host` that is no address, not localhost, and not `--admin-host` (RFC 9110
    /// 15.5.20).
    ForeignHost, "foreign_host", 0, 421, "not for this host: use an IP address or localhost, or start with --admin-host";
    /// No or a wrong `--publish-key`.
    Unauthorized, "unauthorized", 0, 401, "publish key required";
    // -- handshake
    /// A plain request for something that wants WebSocket.
    UpgradeRequired, "upgrade_required", 0, 426, "this is a WebSocket endpoint: an upgrade from HTTP/1.1 is required";
    /// `Sec-WebSocket-Version` other than 13 (RFC 6455 4.4).
    WebSocketVersion, "websocket_version", 0, 426, "Sec-WebSocket-Version must be 13";
    /// No key, two keys, or not 16 bytes of base64 (RFC 6455 4.2.1).
    BadKey, "bad_key", 0, 400, "Sec-WebSocket-Key must be 16 bytes of base64, once";
    /// An upgrade with a body, or otherwise contradictory.
    BadUpgrade, "bad_upgrade", 0, 400, "malformed upgrade request";
}

impl Reason {
    /// How many reasons there are.
    pub const COUNT: usize = Reason::ALL.len();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_follow_the_list_and_words_are_unique() {
        let mut words: Vec<_> = Reason::ALL.iter().map(|r| r.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::COUNT);
        for (i, r) in Reason::ALL.iter().enumerate() {
            assert_eq!(*r as usize, i);
        }
    }

    #[test]
    fn close_reasons_fit_a_control_frame_and_use_codes_that_may_be_sent() {
        for r in Reason::ALL {
            assert!(r.close_code() == 0 || r.text().len() <= 123, "{r:?}");
            assert!(
                matches!(r.close_code(), 0 | 1000..=1002 | 1007..=1009 | 1011 | 1013),
                "{r:?}"
            );
        }
    }
}
