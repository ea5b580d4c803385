//! longwave-loadtest: drives any WebSocket server and proves what it delivered.
//!
//! | file | job |
//! |---|---|
//! | `codec`, `handshake` | the protocol as a client speaks it |
//! | `payload`, `proof` | what each message carries; what was lost, doubled, reordered, harmed |
//! | `reactor` | thousands of connections on one thread |
//! | `pace`, `timing` | when to send; what it took |
//! | `target` | what the server spends: `/proc/PID` |
//! | `scenario` | one file per scenario |
//! | `baseline` | a bare-send server to compare with |
//! | `cli`, `report` | what goes in, what comes out |

pub mod codec;
pub mod payload;
pub mod random;
