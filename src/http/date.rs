//! HTTP dates (RFC 9110 5.6.7) as unix seconds: a message id's first half is one in `Last-Modified`.

use std::time::{Duration, UNIX_EPOCH};

/// The first second that has no date: year 10000.
const SECONDS_END: u64 = 253_402_300_800;

/// The unix seconds of a date in any of the three forms; `None` for anything else.
pub fn unix_seconds(date: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(date).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// The date of these unix seconds, in the form that is sent; the last second of year 9999 for any
/// later one.
pub fn http_date(unix_seconds: u64) -> String {
    let seconds = unix_seconds.min(SECONDS_END - 1);
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_forms_are_read_and_one_is_written() {
        // RFC 9110 5.6.7.
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for form in [
            date,
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(unix_seconds(form), Some(784_111_777), "{form}");
        }
        assert_eq!(http_date(784_111_777), date);
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        let last = "Fri, 31 Dec 9999 23:59:59 GMT";
        assert_eq!(http_date(u64::MAX), last);
        assert_eq!(unix_seconds(last), Some(SECONDS_END - 1));
    }

    #[test]
    fn what_is_no_date_has_no_seconds() {
        for text in [
            "",
            "0",
            "784111777",
            "Sun, 06 Nov 1994 08:49:37",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(unix_seconds(text), None, "{text}");
        }
    }
}
