//! As much of Rust's grammar as the rules need: tokens without comments and literals, and functions.

/// An identifier, `::`, or one character of punctuation; literals leave an empty pair of quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The token's text.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of `fn`.
    pub first: usize,
    /// The line of the closing brace.
    pub last: usize,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The tokens of a file, without comments; every literal in quotes is `""`.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut found, mut line, mut at) = (Vec::new(), 1, 0);
    while at < chars.len() {
        let (length, token) = next(&chars[at..]);
        if let Some(text) = token {
            found.push(Token { text, line });
        }
        line += chars[at..at + length]
            .iter()
            .filter(|c| **c == '\n')
            .count();
        at += length;
    }
    found
}

/// The length in characters of what comes next, and the token that it is, if it is one.
fn next(rest: &[char]) -> (usize, Option<String>) {
    let quotes = || Some("\"\"".to_owned());
    match rest {
        ['/', '/', ..] => (line_comment(rest), None),
        ['/', '*', ..] => (block_comment(rest), None),
        ['"', ..] => (quoted(rest, '"'), quotes()),
        ['\'', '\\', ..] => (quoted(rest, '\''), quotes()),
        // `'x'` is a character, `'x` a lifetime.
        ['\'', _, '\'', ..] => (3, quotes()),
        [':', ':', ..] => (2, Some("::".to_owned())),
        [c, ..] if c.is_whitespace() => (1, None),
        [c, ..] if is_word(*c) => word(rest),
        _ => (1, Some(rest[0].to_string())),
    }
}

/// An identifier or number, or a literal with a prefix such as `b"…"` or `r#"…"#`.
fn word(rest: &[char]) -> (usize, Option<String>) {
    let length = rest.iter().take_while(|c| is_word(**c)).count();
    let name: String = rest[..length].iter().collect();
    let after = &rest[length..];
    let hashes = after.iter().take_while(|c| **c == '#').count();
    let literal = match (name.as_str(), after.first()) {
        ("r" | "br" | "cr", _) if after.get(hashes) == Some(&'"') => raw(after, hashes),
        ("b" | "c", Some('"')) => quoted(after, '"'),
        ("b", Some('\'')) => quoted(after, '\''),
        _ => return (length, Some(name)),
    };
    (length + literal, Some("\"\"".to_owned()))
}

fn line_comment(rest: &[char]) -> usize {
    rest.iter().take_while(|c| **c != '\n').count()
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a literal that opens with `end` and may escape it.
fn quoted(rest: &[char], end: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != end {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The length of a raw literal, from its first `#` or quote.
fn raw(rest: &[char], hashes: usize) -> usize {
    let end: Vec<char> = std::iter::once('"').chain(vec!['#'; hashes]).collect();
    let body = &rest[hashes + 1..];
    let found = body.windows(end.len()).position(|w| w == end);
    found.map_or(rest.len(), |n| hashes + 1 + n + end.len())
}

/// Every function that has a body, nested ones included.
pub fn functions(tokens: &[Token]) -> Vec<Function> {
    let named = |i: &usize| {
        tokens[*i].text == "fn"
            && tokens
                .get(i + 1)
                .is_some_and(|t| t.text.starts_with(is_word))
    };
    (0..tokens.len())
        .filter(named)
        .filter_map(|i| function(&tokens[i..]))
        .collect()
}

fn function(tokens: &[Token]) -> Option<Function> {
    let body = body(tokens)?;
    let last = closing(&tokens[body..])?;
    Some(Function {
        name: tokens[1].text.clone(),
        first: tokens[0].line,
        last: tokens[body + last].line,
    })
}

/// Where the body opens; `None` for a declaration that ends with a semicolon.
fn body(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            "{" if depth == 0 => return Some(i),
            ";" if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Where the brace that opens `tokens` is closed.
pub fn closing(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0;
    tokens.iter().position(|token| {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}
