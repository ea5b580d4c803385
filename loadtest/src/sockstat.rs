//! What the machine's TCP sockets hold in the kernel: `/proc/net/sockstat` (Linux).

/// Bytes in the buffers of all TCP sockets of this network namespace's machine, both ends of
/// loopback connections among them; `None` where the system does not tell.
pub fn tcp_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/net/sockstat").ok()?;
    Some(tcp_pages(&text)? * rustix::param::page_size() as u64)
}

/// The number behind `mem` of the line `TCP:`, in pages.
fn tcp_pages(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_ascii_whitespace();
    words.find(|&word| word == "mem")?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_tcp_and_of_nothing_else() {
        let text =
            "sockets: used 284\nUDP: inuse 2 mem 7\nTCP: inuse 5 orphan 0 tw 1 alloc 7 mem 42\n";
        assert_eq!(tcp_pages(text), Some(42));
        assert_eq!(tcp_pages("UDP: inuse 2 mem 7\n"), None);
        assert_eq!(tcp_pages("TCP: inuse 5\n"), None);
    }
}
