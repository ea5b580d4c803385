//! longwave-loadtest: drives servers of WebSockets, event streams and long-polls and proves what it delivered.
//!
//! | file | job |
//! |---|---|
//! | `codec`, `dialect` | the protocols as a client speaks them, written apart from the server |
//! | `payload`, `proof` | what each message carries; what was lost, doubled, reordered, harmed |
//! | `reactor`, `storm` | thousands of connections on one thread; opening them |
//! | `url` | where to |
//! | `pace`, `latency`, `timeline` | when to send; how long it took; how that went over time |
//! | `target`, `sockstat` | what the server spends: `/proc/PID`; what TCP holds in the kernel |
//! | `prometheus` | histograms that the server exposes |
//! | `drive` | the phases of a run |
//! | `stats` | what many short rounds say together |
//! | `scenario` | one file per scenario |
//! | `versus` | servers side by side |
//! | `baseline` | a bare server to compare with |
//! | `cli`, `help`, `report`, `progress` | what goes in, what comes out |
//! | `html`, `compare`, `gate` | reports as one page, against each other, against a budget |

pub mod baseline;
pub mod cli;
pub mod codec;
pub mod compare;
pub mod dialect;
pub mod drive;
pub mod gate;
pub mod help;
pub mod html;
pub mod latency;
pub mod pace;
pub mod payload;
mod progress;
pub mod prometheus;
pub mod proof;
pub mod random;
pub mod reactor;
pub mod report;
pub mod scenario;
pub mod sockstat;
pub mod stats;
pub mod storm;
pub mod target;
pub mod timeline;
pub mod url;
pub mod versus;
