//! longwave: a broadcast relay. One message in, every subscriber out.
//!
//! To embed it: a [`Config`], a [`Server`] that runs on a thread, a [`Handle`] to it for all others; and an
//! [`App`](app::App) to take part in what Socket.IO clients do.
//!
//! A module imports only modules with a smaller layer number (`tests/tidy.rs` holds that):
//!
//! | layer | modules |
//! |---|---|
//! | 0 | `limits`, `close`, `mark`, `files`, `settings`, `counters` |
//! | 1 | `wire`, `buf`, `timers`, `event` |
//! | 2 | `ws`, `http`, `stream`, `socketio` |
//! | 3 | `hub` |
//! | 4 | `conn` |
//! | 5 | `relay` |
//! | 6 | `net`, `link` |
//! | 7 | `server` |
//! | 8 | `config`, `embed`, `main` |

pub mod close;
pub mod counters;
pub mod files;
pub mod limits;
pub mod mark;
pub mod settings;

pub mod buf;
pub mod event;
pub mod timers;
pub mod wire;

pub mod http;
pub mod socketio;
pub mod stream;
pub mod ws;

pub mod hub;

pub mod conn;

pub mod relay;

pub mod link;
pub mod net;

pub mod server;

pub mod config;
pub mod embed;

pub use config::Config;
pub use embed::{BindError, Server};
pub use link::{Handle, HandleError};
pub use relay::app;
