//! HTTP/1.1: request heads, bodies and answers (RFC 9110, RFC 9112). Knows nothing of WebSocket.
