//! Reading `WWW-Authenticate` as it really arrives.
//!
//! RFC 9110 has a grammar for challenges, and servers have others: unquoted URIs, blanks for
//! commas, raw JSON in quotes, folded lines, no scheme at all. The reader walks once from left
//! to right over words, `=` and values. What it cannot place it skips, so there is no error.
//!
//! It stays linear because a search that looks ahead (for a closing quote, for the end of a
//! JSON object) either succeeds, and what it passed is consumed, or fails, and then no search of
//! the same kind is tried again in the same header.

use super::parsed::ParsedChallenge;

/// The challenges in the values of the `WWW-Authenticate` lines of one response, in order.
///
/// Parameters in front of any scheme make a challenge with an empty scheme. Bytes that are no
/// UTF-8 are replaced by U+FFFD.
///
/// ```
/// let challenges = highwater::challenge::parse([
///     r#"Negotiate, Bearer error="insufficient_claims",claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ""#,
/// ]);
/// assert_eq!(challenges[0].scheme, "Negotiate");
/// assert!(challenges[1].claims().unwrap().contains_key("access_token"));
/// ```
#[must_use]
pub fn parse<I>(header_values: I) -> Vec<ParsedChallenge>
where
    I: IntoIterator,
    I::Item: AsRef<[u8]>,
{
    let mut challenges = Vec::new();
    for value in header_values {
        Reader::new(value.as_ref()).read(&mut challenges);
    }
    challenges
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Searches that have failed in this header.
    no_json: bool,
    no_quote: bool,
    no_apostrophe: bool,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader {
            bytes,
            position: 0,
            no_json: false,
            no_quote: false,
            no_apostrophe: false,
        }
    }

    fn read(mut self, challenges: &mut Vec<ParsedChallenge>) {
        let first = challenges.len();
        let mut after_comma = true;
        loop {
            after_comma |= self.skip_separators();
            let Some(byte) = self.peek() else { return };
            let word = self.take_while(|byte| !is_blank(byte) && !b",=\"".contains(&byte));
            if word.is_empty() && byte != b'=' {
                // A quote where no value was announced: garbage, but maybe with structure in it.
                self.value();
                continue;
            }
            let has_challenge = challenges.len() > first;
            let end_of_word = self.position;
            self.skip_blanks();
            if self.peek() == Some(b'=') {
                let run = self.take_while(|byte| byte == b'=').len();
                let name = text(word).to_ascii_lowercase();
                match challenges.last_mut() {
                    Some(last)
                        if has_challenge && run > 1 && self.at_delimiter() && last.is_bare() =>
                    {
                        last.token68 =
                            Some(text(&self.bytes[end_of_word - word.len()..self.position]));
                        after_comma = false;
                        continue;
                    }
                    Some(_) if has_challenge => {}
                    _ => challenges.push(ParsedChallenge::default()),
                }
                self.skip_blanks();
                let value = self.value();
                if let Some(last) = challenges.last_mut() {
                    last.parameters.push((name, value));
                }
            } else if !has_challenge || is_scheme(word, after_comma) {
                challenges.push(ParsedChallenge {
                    scheme: text(word),
                    ..ParsedChallenge::default()
                });
            } else if let Some(last) = challenges.last_mut() {
                extend(last, word, after_comma);
            }
            after_comma = false;
        }
    }

    /// One value, up to a delimiter that fits how it began.
    fn value(&mut self) -> String {
        let start = self.position;
        match self.peek() {
            Some(b'"') => {
                self.position += 1;
                if self.quoted_json_is_raw()
                    && let Some(json) = self.json()
                {
                    if self.peek() == Some(b'"') {
                        self.position += 1;
                    }
                    return text(json);
                }
                if let Some(quoted) = self.quoted() {
                    return quoted;
                }
            }
            Some(b'\'') => {
                self.position += 1;
                let json = match self.peek() {
                    Some(b'{') => self.json(),
                    _ => None,
                };
                if let Some(json) = json {
                    if self.peek() == Some(b'\'') {
                        self.position += 1;
                    }
                    return text(json);
                }
                if let Some(quoted) = self.apostrophes() {
                    return quoted;
                }
            }
            Some(b'{') => {
                if let Some(json) = self.json() {
                    return text(json);
                }
            }
            _ => {}
        }
        self.position = start;
        let value = self.take_while(|byte| !is_blank(byte) && byte != b',');
        text(value.strip_prefix(b"\"").unwrap_or(value))
    }

    /// Behind an opening quote: whether a JSON object follows whose own quotes are not escaped.
    fn quoted_json_is_raw(&self) -> bool {
        self.peek() == Some(b'{')
            && self.bytes[self.position + 1..]
                .iter()
                .find(|&&byte| !is_blank(byte))
                == Some(&b'"')
            // `{"` with nothing behind is the end of a quoted value.
            && !self.json_ends_at_once()
    }

    fn json_ends_at_once(&self) -> bool {
        let mut rest = self.bytes[self.position + 1..]
            .iter()
            .skip_while(|&&byte| is_blank(byte))
            .skip(1);
        rest.next()
            .is_none_or(|&byte| is_blank(byte) || byte == b',')
    }

    /// A balanced JSON object, taken as it stands.
    fn json(&mut self) -> Option<&'a [u8]> {
        if self.no_json {
            return None;
        }
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        for (offset, &byte) in self.bytes[self.position..].iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'{' => depth += 1,
                b'}' if depth > 1 => depth -= 1,
                b'}' => {
                    let json = &self.bytes[self.position..=self.position + offset];
                    self.position += json.len();
                    return Some(json);
                }
                _ => {}
            }
        }
        self.no_json = true;
        None
    }

    /// The rest of a quoted string, with `\x` read as `x`.
    fn quoted(&mut self) -> Option<String> {
        if self.no_quote {
            return None;
        }
        let mut value = Vec::new();
        let mut bytes = self.bytes[self.position..].iter().enumerate();
        while let Some((offset, &byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.position += offset + 1;
                    return Some(text(&value));
                }
                b'\\' => value.extend(bytes.next().map(|(_, &escaped)| escaped)),
                _ => value.push(byte),
            }
        }
        self.no_quote = true;
        None
    }

    /// The rest of a value in apostrophes; one inside the value ends nothing.
    fn apostrophes(&mut self) -> Option<String> {
        if self.no_apostrophe {
            return None;
        }
        let start = self.position;
        while let Some(byte) = self.peek() {
            self.position += 1;
            if byte == b'\'' && self.at_delimiter() {
                return Some(text(&self.bytes[start..self.position - 1]));
            }
        }
        self.no_apostrophe = true;
        None
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn at_delimiter(&self) -> bool {
        self.peek()
            .is_none_or(|byte| is_blank(byte) || byte == b',')
    }

    fn take_while(&mut self, accepted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = &self.bytes[self.position..];
        let length = rest
            .iter()
            .position(|&byte| !accepted(byte))
            .unwrap_or(rest.len());
        self.position += length;
        &rest[..length]
    }

    fn skip_blanks(&mut self) {
        self.take_while(is_blank);
    }

    /// Skips blanks and commas; whether there was a comma.
    fn skip_separators(&mut self) -> bool {
        self.take_while(|byte| is_blank(byte) || byte == b',')
            .contains(&b',')
    }
}

/// Whether a word without `=` begins a challenge: behind a comma any token does, elsewhere only
/// a scheme that is registered.
fn is_scheme(word: &[u8], after_comma: bool) -> bool {
    const KNOWN: [&str; 11] = [
        "Bearer",
        "PoP",
        "DPoP",
        "Basic",
        "Digest",
        "Negotiate",
        "NTLM",
        "HOBA",
        "Mutual",
        "vapid",
        "GNAP",
    ];
    let is_token = word
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte));
    is_token
        && (after_comma
            || KNOWN
                .iter()
                .any(|scheme| scheme.as_bytes().eq_ignore_ascii_case(word)))
}

/// A stray word: the token68 of a bare scheme, or the rest of an unquoted value.
fn extend(challenge: &mut ParsedChallenge, word: &[u8], after_comma: bool) {
    match challenge.parameters.last_mut() {
        Some((_, value)) => {
            value.push(if after_comma { ',' } else { ' ' });
            value.push_str(&text(word));
        }
        None if challenge.token68.is_none() => challenge.token68 = Some(text(word)),
        None => {}
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
