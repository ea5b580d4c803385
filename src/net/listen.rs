//! Listening sockets; the only file that names socket2.
