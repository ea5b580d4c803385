//! Texts of a length, in what people write.

/// Name and text, of at least `len` bytes and at most a few more.
pub fn texts(len: usize) -> [(&'static str, String); 5] {
    [
        ("ascii", "The quick brown fox, "),
        ("cyrillic", "Съешь же ещё этих мягких булок, "),
        ("cjk", "いろはにほへと散りぬるを、天地玄黃宇宙洪荒。"),
        ("emoji", "👩‍🚀🎉🦀✨😀"),
        ("mixed", "So ein Ärger: Съешь 天地 🎉 and more, "),
    ]
    .map(|(name, part)| {
        let chars = part.chars().cycle();
        let text = chars.scan(0, |so_far, c| {
            let more = *so_far < len;
            *so_far += c.len_utf8();
            more.then_some(c)
        });
        (name, text.collect())
    })
}
