//! A Rust file's code and comments, told apart.
//!
//! Both halves keep every line where it was and have blanks for what is not theirs, so a rule can
//! look for a word without finding it in a string, and still name the line. This knows just
//! enough of the grammar for that: comments, literals and lifetimes.

/// The two halves of a file.
#[derive(Debug)]
pub(super) struct RustText {
    /// Without comments and without the content of literals.
    pub(super) code: String,
    pub(super) comments: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

impl RustText {
    pub(super) fn of(text: &str) -> Self {
        let mut halves = Self {
            code: String::new(),
            comments: String::new(),
        };
        let mut rest = text;
        while !rest.is_empty() {
            // A word is taken whole, so that the r of `for"` begins no raw string.
            let (kind, length) = match word_length(rest) {
                0 => token(rest),
                word if is_literal_prefix(&rest[..word]) => prefixed(rest, word),
                word => (Kind::Code, word),
            };
            let (piece, after) = rest.split_at(length);
            halves.push(kind, piece);
            rest = after;
        }
        halves
    }

    /// The code up to the tests, which every file has at its end.
    pub(super) fn code_without_tests(&self) -> &str {
        self.code.split("#[cfg(test)]").next().unwrap_or_default()
    }

    fn push(&mut self, kind: Kind, piece: &str) {
        let blank = piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' });
        match kind {
            Kind::Code => {
                self.code.push_str(piece);
                self.comments.extend(blank);
            }
            Kind::Comment => {
                self.comments.push_str(piece);
                self.code.extend(blank);
            }
            Kind::Literal => {
                self.code.extend(blank.clone());
                self.comments.extend(blank);
            }
        }
    }
}

/// The lines of a half, counted from 1, that have a word: no part of a longer identifier.
pub(super) fn lines_with<'t>(half: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    let lines = half.lines().enumerate();
    lines
        .filter(move |(_, line)| has_word(line, word))
        .map(|(index, _)| index + 1)
}

fn has_word(line: &str, word: &str) -> bool {
    let name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, found)| {
        let before = line[..start].chars().next_back();
        let after = line[start + found.len()..].chars().next();
        // A word that begins or ends with a sign is delimited by it.
        let open = !word.starts_with(name) || !before.is_some_and(name);
        open && (!word.ends_with(name) || !after.is_some_and(name))
    })
}

/// The kind and length of what begins a text that does not begin with a word.
fn token(text: &str) -> (Kind, usize) {
    if text.starts_with("//") {
        (Kind::Comment, text.find('\n').unwrap_or(text.len()))
    } else if text.starts_with("/*") {
        (Kind::Comment, block_comment(text))
    } else if text.starts_with('"') {
        (Kind::Literal, string(text))
    } else if text.starts_with('\'') {
        quote(text)
    } else {
        (Kind::Code, text.chars().next().map_or(1, char::len_utf8))
    }
}

/// What follows `r`, `b`, `br`, `c` or `cr`: a literal, or the word was only a name.
fn prefixed(text: &str, word: usize) -> (Kind, usize) {
    let (prefix, rest) = text.split_at(word);
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    if prefix.ends_with('r') && rest[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let body = hashes + 1;
        let length = rest[body..]
            .find(&end)
            .map_or(rest.len(), |at| body + at + end.len());
        return (Kind::Literal, word + length);
    }
    match rest.chars().next() {
        Some('"') => (Kind::Literal, word + string(rest)),
        Some('\'') if prefix == "b" => (Kind::Literal, word + quote(rest).1),
        _ => (Kind::Code, word),
    }
}

fn is_literal_prefix(word: &str) -> bool {
    ["r", "b", "br", "c", "cr"].contains(&word)
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// A literal between equal quotes, in which a backslash hides the next character.
fn string(text: &str) -> usize {
    let quote = text.chars().next();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if Some(c) == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// A character literal, or else a lifetime, of which only the quote is taken.
fn quote(text: &str) -> (Kind, usize) {
    let mut chars = text.char_indices().skip(1);
    let (first, second) = (chars.next(), chars.next());
    match (first, second) {
        (Some((_, '\\')), _) => (Kind::Literal, string(text)),
        (Some(_), Some((at, '\''))) => (Kind::Literal, at + 1),
        _ => (Kind::Code, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_are_not_code_and_lines_stay_where_they_are() {
        let text = RustText::of(
            "let a = \"unsafe // \\\" {\"; // allow(x)\n/* todo!\n/* */ */ fn f() {}\n",
        );
        assert_eq!(text.code.lines().count(), 3);
        assert!(
            !text.code.contains("unsafe")
                && !text.code.contains("allow")
                && !text.code.contains("todo")
        );
        assert!(text.code.lines().nth(2).unwrap().trim() == "fn f() {}");
        assert!(
            text.comments
                .lines()
                .next()
                .unwrap()
                .ends_with("// allow(x)")
        );
    }

    #[test]
    fn raw_strings_end_where_their_hashes_say() {
        let text = RustText::of("f(r#\"a \" unsafe\"#, br\"\\\", c\"x\"); g()");
        assert!(!text.code.contains("unsafe"));
        assert!(text.code.ends_with("; g()"), "{}", text.code);
    }

    #[test]
    fn lifetimes_and_character_literals_are_told_apart() {
        let text = RustText::of(
            "fn f<'a>(x: &'a str) -> char { if x == '\"' { '\\'' } else { b'/' } } unsafe",
        );
        assert!(text.code.starts_with("fn f<'a>(x: &'a str)"));
        assert!(text.code.ends_with("unsafe"), "{}", text.code);
    }

    #[test]
    fn a_word_is_not_found_inside_a_longer_name() {
        let lines: Vec<usize> = lines_with("unsafe_code\nunsafe {\nnot_unsafe", "unsafe").collect();
        assert_eq!(lines, [2]);
    }
}
