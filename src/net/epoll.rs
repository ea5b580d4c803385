//! The network on epoll; the only file that names mio.
