//! What this process itself uses, and its limits.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// CPU that this process itself has used, nanoseconds.
pub fn own_cpu_ns() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// Raises this process's descriptor limit as far as it goes; returns it.
pub fn raise_descriptors() -> u64 {
    let hard = getrlimit(Resource::Nofile).maximum;
    let all = Rlimit {
        current: hard,
        maximum: hard,
    };
    let _ = setrlimit(Resource::Nofile, all);
    limit()
}

/// Raises it to `wanted` at least, beyond the hard limit where the system lets us; returns it.
pub fn raise_descriptors_to(wanted: u64) -> u64 {
    if raise_descriptors() < wanted {
        let beyond = Rlimit {
            current: Some(wanted),
            maximum: Some(wanted),
        };
        let _ = setrlimit(Resource::Nofile, beyond);
    }
    limit()
}

fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
