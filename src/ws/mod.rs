//! WebSocket: frames, masking, UTF-8 and the opening handshake (RFC 6455). Knows nothing of HTTP connections.
