//! Histograms as a server exposes them: the Prometheus text format, read over HTTP.
//!
//! Source: Prometheus, "Exposition formats", text format 0.0.4: `NAME_bucket{le="0.5",…} COUNT`,
//! counts cumulative over growing `le`, the last of them `+Inf`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long the server may take to connect, and between two pieces of its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than this is no page of metrics.
const PAGE_BYTES_MAX: u64 = 16 << 20;

/// One histogram: how many values there were up to each bound, in seconds or whatever its unit.
pub type Buckets = Vec<(f64, f64)>;

/// All histograms of one name, by their other labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Family(pub BTreeMap<String, Buckets>);

impl Family {
    /// Reads those of this name out of a page.
    pub fn parse(page: &str, name: &str) -> Family {
        let mut family = Family::default();
        for line in page.lines() {
            if let Some((labels, bound, count)) = bucket(line, name) {
                family.0.entry(labels).or_default().push((bound, count));
            }
        }
        for buckets in family.0.values_mut() {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        family
    }

    /// What came since an earlier look, the histograms in which nothing came left out.
    #[must_use]
    pub fn since(&self, earlier: &Family) -> Family {
        let mut since = self.clone();
        for (labels, buckets) in &mut since.0 {
            for (bound, count) in buckets {
                let old = earlier.0.get(labels).into_iter().flatten();
                let old = old.clone().find(|(b, _)| b == bound);
                *count -= old.map_or(0.0, |(_, count)| *count);
            }
        }
        since.0.retain(|_, buckets| count(buckets) > 0.0);
        since
    }

    /// All of them together, where their bounds are the same.
    pub fn whole(&self) -> Buckets {
        let mut whole: Buckets = Vec::new();
        for &(bound, n) in self.0.values().flatten() {
            match whole.iter_mut().find(|(b, _)| *b == bound) {
                Some((_, sum)) => *sum += n,
                None => whole.push((bound, n)),
            }
        }
        whole.sort_by(|a, b| a.0.total_cmp(&b.0));
        whole
    }
}

/// How many values a histogram holds.
pub fn count(buckets: &Buckets) -> f64 {
    buckets.last().map_or(0.0, |(_, n)| *n)
}

/// The value that this part of all (0 to 1) does not pass, as if values were spread evenly within
/// a bucket; `None` of nothing. Of the last bucket, which has no end, its beginning.
pub fn quantile(buckets: &Buckets, part: f64) -> Option<f64> {
    let wanted = count(buckets) * part;
    let mut below = (0.0, 0.0);
    for &(bound, n) in buckets.iter().filter(|_| wanted > 0.0) {
        if n >= wanted {
            let share = (wanted - below.1) / (n - below.1);
            let inside = below.0 + (bound - below.0) * share;
            return Some(if bound.is_finite() { inside } else { below.0 });
        }
        below = (bound, n);
    }
    None
}

/// The labels but `le`, the bound and the count of one line `NAME_bucket{…} COUNT`.
fn bucket(line: &str, name: &str) -> Option<(String, f64, f64)> {
    let rest = line.strip_prefix(name)?.strip_prefix("_bucket{")?;
    let (labels, value) = rest.rsplit_once('}')?;
    let count = value.split_ascii_whitespace().next()?.parse().ok()?;
    let (mut others, mut bound) = (Vec::new(), None);
    for label in split_labels(labels) {
        match label
            .strip_prefix("le=\"")
            .and_then(|l| l.strip_suffix('"'))
        {
            Some(le) => bound = le.parse().ok(),
            None => others.push(label),
        }
    }
    Some((others.join(","), bound?, count))
}

/// `a="x",b="y,z"` at the commas that are not quoted.
fn split_labels(labels: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let apart = labels.split(move |c: char| {
        let ends = c == ',' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    apart.filter(|label| !label.is_empty()).collect()
}

/// Fetches a page by `http://HOST:PORT/PATH`. HTTP/1.0, so that the answer's end is the stream's.
///
/// # Errors
/// A sentence: what was wrong with the address, the connection or the answer.
pub fn fetch(url: &str) -> Result<String, String> {
    let fails = |why: &dyn std::fmt::Display| format!("{url}: {why}");
    let rest = url.strip_prefix("http://");
    let rest = rest.ok_or_else(|| fails(&"expected http://HOST:PORT/PATH"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let with_port = match host.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => host.to_owned(),
        _ => format!("{host}:80"),
    };
    let addresses = with_port.to_socket_addrs().map_err(|e| fails(&e))?;
    let address = addresses
        .into_iter()
        .next()
        .ok_or_else(|| fails(&"no address"))?;
    let get = || -> std::io::Result<Vec<u8>> {
        let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        // In one piece: `write!` on a socket sends each part by itself.
        let request = format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        socket.take(PAGE_BYTES_MAX).read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = get().map_err(|e| fails(&e))?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err(fails(&head.lines().next().unwrap_or("no answer"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE x_seconds histogram\n\
        x_seconds_bucket{le=\"0.001\",size=\"1,000\"} 10\n\
        x_seconds_bucket{le=\"0.01\",size=\"1,000\"} 90 1700000000\n\
        x_seconds_bucket{le=\"+Inf\",size=\"1,000\"} 100\n\
        x_seconds_bucket{size=\"1\",le=\"0.001\"} 4\n\
        x_seconds_bucket{size=\"1\",le=\"0.01\"} 4\n\
        x_seconds_bucket{size=\"1\",le=\"+Inf\"} 4\n\
        x_seconds_count{size=\"1\"} 4\n\
        xx_seconds_bucket{le=\"1\"} 7\nother 3\n";

    #[test]
    fn a_histogram_for_each_set_of_labels() {
        let family = Family::parse(PAGE, "x_seconds");
        let names: Vec<&String> = family.0.keys().collect();
        assert_eq!(names, ["size=\"1\"", "size=\"1,000\""]);
        let large = &family.0["size=\"1,000\""];
        assert_eq!(large[..2], [(0.001, 10.0), (0.01, 90.0)]);
        assert_eq!(count(large), 100.0);
        assert_eq!(family.whole()[0], (0.001, 14.0));
        assert_eq!(count(&family.whole()), 104.0);
        assert!(Family::parse(PAGE, "y").0.is_empty());
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let family = Family::parse(PAGE, "x_seconds");
        let large = &family.0["size=\"1,000\""];
        assert_eq!(quantile(large, 0.1), Some(0.001));
        let half = quantile(large, 0.5).unwrap();
        assert!((half - (0.001 + 0.009 * 40.0 / 80.0)).abs() < 1e-9);
        assert_eq!(quantile(large, 0.99), Some(0.01));
        assert_eq!(quantile(&Vec::new(), 0.5), None);
    }

    #[test]
    fn what_came_between_two_looks() {
        let before = Family::parse(PAGE, "x_seconds");
        let later = PAGE
            .replace("} 90 1700000000", "} 95")
            .replace("} 100\n", "} 105\n");
        let since = Family::parse(&later, "x_seconds").since(&before);
        assert_eq!(since.0.len(), 1);
        let grown = [(0.001, 0.0), (0.01, 5.0), (f64::INFINITY, 5.0)];
        assert_eq!(since.0["size=\"1,000\""], grown);
    }

    #[test]
    fn a_page_is_fetched_and_a_refusal_is_told() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            for answer in ["200 OK", "404 Not Found"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                let n = stream.read(&mut request).unwrap();
                assert!(request[..n].starts_with(b"GET /metrics HTTP/1.0\r\nHost: 127"));
                write!(stream, "HTTP/1.0 {answer}\r\nA: b\r\n\r\nx 1\n").unwrap();
            }
        });
        let url = format!("http://{address}/metrics");
        assert_eq!(fetch(&url).unwrap(), "x 1\n");
        assert!(fetch(&url).unwrap_err().contains("404 Not Found"));
        thread.join().unwrap();
        assert!(fetch("ws://a/").unwrap_err().contains("expected http://"));
        assert!(fetch(&url).unwrap_err().contains("refused"));
    }
}
