//! The media type of a file that is served, by the end of its name.
//!
//! A table of our own: what belongs to a page, and no more. Browsers are told not to guess
//! (`nosniff`), so what is not in it comes as bytes to be saved.

/// What text is, by the end of the name; the type is given with its charset if the text is UTF-8.
const TEXTS: &[(&str, &str)] = &[
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("txt", "text/plain; charset=utf-8"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("xhtml", "application/xhtml+xml; charset=utf-8"),
    ("xml", "application/xml; charset=utf-8"),
];

/// Everything else, with types that say themselves how they are coded.
const OTHERS: &[(&str, &str)] = &[
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("ico", "image/vnd.microsoft.icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("m4a", "audio/mp4"),
    ("map", "application/json"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("ttf", "font/ttf"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("zip", "application/zip"),
];

/// The media type of a file of this name that holds `body`.
pub fn media_type(name: &str, body: &[u8]) -> &'static str {
    let (_, end) = name.rsplit_once('.').unwrap_or_default();
    let find = |table: &[(&str, &'static str)]| {
        let row = table.iter().find(|(e, _)| e.eq_ignore_ascii_case(end));
        row.map(|&(_, media_type)| media_type)
    };
    match (find(TEXTS), find(OTHERS)) {
        (Some(text), _) if std::str::from_utf8(body).is_ok() => text,
        // What it is coded in, only its author knows.
        (Some(text), _) => text.split(';').next().unwrap_or(text),
        (None, Some(other)) => other,
        (None, None) => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_by_the_end_of_the_name() {
        for (name, body, want) in [
            ("index.html", &b"<p>"[..], "text/html; charset=utf-8"),
            ("latin.html", b"\xe4", "text/html"),
            ("a.min.JS", b"", "text/javascript; charset=utf-8"),
            ("a.json", b"{}", "application/json"),
            ("a.tar.gz", b"\x1f\x8b", "application/gzip"),
            ("a.svg", b"<svg/>", "image/svg+xml"),
            ("a.woff2", b"wOF2", "font/woff2"),
            ("html", b"<p>", "application/octet-stream"),
            ("a.", b"", "application/octet-stream"),
            ("a.exe", b"MZ", "application/octet-stream"),
        ] {
            assert_eq!(media_type(name, body), want, "{name}");
        }
    }

    #[test]
    fn each_end_is_in_the_tables_once() {
        let ends = TEXTS.iter().chain(OTHERS).map(|(end, _)| *end);
        let mut ends: Vec<_> = ends.collect();
        let count = ends.len();
        ends.sort_unstable();
        ends.dedup();
        assert_eq!(ends.len(), count);
    }
}
